"""Services, tasks and nodes in the language of Docker's API. Pure.

A published port or a virtual address is never asked for: replicas find each other by discovery, and address each other
by name (`dnsrr`), which also works where the kernel has no IPVS.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from scrapr.fleet.service import Node, Progress, Service, ServiceSpec, Task

STACK = "scrapr.stack"
POOL = "scrapr.pool"
DIGEST = "scrapr.digest"
REFUSED = "scrapr.refused"
NAMESPACE = "com.docker.stack.namespace"
"""Docker's own label: `docker stack services` shows what has it, and `docker stack rm` takes it along."""
SECOND = 1_000_000_000
MEBIBYTE = 2**20
MONITOR = 10 * SECOND
"""How long a new replica is watched before the next is renewed; one that dies in that time is a failure."""
SCRATCH: Mapping[str, Any] = {
    "Type": "tmpfs",
    "Target": "/tmp",  # noqa: S108 - of the container, whose own it is
    "TmpfsOptions": {"SizeBytes": 256 * MEBIBYTE},
}
"""All that a replica may write to: an endpoint's mirror is there."""
PROGRESS: Mapping[str, Progress] = {
    "updating": "updating",
    "paused": "paused",
    "rollback_started": "rolling back",
    "rollback_paused": "rolled back",
    "rollback_completed": "rolled back",
}


def describe(spec: ServiceSpec, *, stack: str, secrets: Mapping[str, str]) -> dict[str, Any]:
    """The body that creates the service; `secrets` are the ids of those that it names, by name."""
    labels = {NAMESPACE: stack, STACK: stack, POOL: spec.pool}
    return {
        "Name": spec.name,
        "Labels": {**labels, DIGEST: spec.digest},
        "TaskTemplate": {
            "ContainerSpec": _container(spec, labels, secrets),
            "Resources": _resources(spec),
            "RestartPolicy": {"Condition": "any", "Delay": SECOND},
            "Placement": {"Constraints": list(spec.constraints)},
            # By the role's name the engine's DNS gives the replicas of all its pools, as of any role in the stack.
            "Networks": [{"Target": name, "Aliases": [spec.role]} for name in spec.networks],
        },
        "Mode": {"Replicated": {"Replicas": spec.replicas}},
        "UpdateConfig": _turnover("rollback"),
        "RollbackConfig": _turnover("pause"),
        "EndpointSpec": {"Mode": "dnsrr"},
    }


def _container(spec: ServiceSpec, labels: Mapping[str, str], secrets: Mapping[str, str]) -> dict[str, Any]:
    return {
        "Image": spec.image,
        "Args": ["run", "--role", spec.role],
        "Env": [f"{name}={value}" for name, value in sorted(spec.environment.items())],
        "Labels": dict(labels),
        "Init": True,
        "StopGracePeriod": round(spec.grace * SECOND),
        "Secrets": [_secret(each, secrets) for each in spec.secrets],
        "Mounts": [SCRATCH],
        "ReadOnly": True,
        "CapabilityDrop": ["ALL"],
    }


def _secret(named: str, secrets: Mapping[str, str]) -> dict[str, Any]:
    name, file = split_secret(named)
    # Readable by whatever user the image runs as, and by nobody outside of the container.
    place = {"Name": file, "UID": "0", "GID": "0", "Mode": 0o444}
    return {"File": place, "SecretID": secrets[name], "SecretName": name}


def split_secret(named: str) -> tuple[str, str]:
    """A secret's name, and that of its file, of `name` or `name=file`."""
    name, _, file = named.partition("=")
    return name, file or name


def _resources(spec: ServiceSpec) -> dict[str, Any]:
    bounds: dict[str, int] = {}
    if spec.cpu is not None:
        bounds["NanoCPUs"] = round(spec.cpu * SECOND)
    if spec.memory is not None:
        bounds["MemoryBytes"] = spec.memory * MEBIBYTE
    return {"Limits": bounds, "Reservations": dict(bounds)}


def _turnover(on_failure: str) -> dict[str, Any]:
    return {
        "Parallelism": 1,
        "Order": "start-first",
        "FailureAction": on_failure,
        "Monitor": MONITOR,
        "MaxFailureRatio": 0.0,
    }


def scaled(found: Mapping[str, Any], replicas: int) -> dict[str, Any]:
    """The spec of a service that was found, with another number of replicas."""
    return {**found, "Mode": {"Replicated": {"Replicas": replicas}}}


def refused(found: Mapping[str, Any], digest: str) -> dict[str, Any]:
    """The spec of a service that was found, with the note that the spec of this digest is not to be tried again."""
    return {**found, "Labels": {**found.get("Labels", {}), REFUSED: digest}}


def is_ours(raw: Mapping[str, Any], stack: str) -> bool:
    """Whether a service, as the engine tells it, is one of the pools of this stack; all others are left alone."""
    labels = raw.get("Spec", {}).get("Labels") or {}
    return labels.get(STACK) == stack and POOL in labels


def read_service(raw: Mapping[str, Any]) -> Service:
    """A service of ours, as the engine tells it."""
    spec, status = raw["Spec"], raw.get("UpdateStatus") or {}
    labels = spec["Labels"]
    return Service(
        id=raw["ID"],
        name=spec["Name"],
        pool=labels[POOL],
        replicas=spec.get("Mode", {}).get("Replicated", {}).get("Replicas", 0),
        digest=labels.get(DIGEST, ""),
        image=spec["TaskTemplate"]["ContainerSpec"]["Image"],
        refused=labels.get(REFUSED, ""),
        progress=PROGRESS.get(status.get("State", ""), ""),
        message=status.get("Message", ""),
        updated_at=read_time(raw["UpdatedAt"]),
    )


def read_task(raw: Mapping[str, Any]) -> Task:
    """A task, as the engine tells it."""
    status = raw.get("Status") or {}
    return Task(
        id=raw["ID"],
        service=raw.get("ServiceID", ""),
        slot=raw.get("Slot", 0),
        node=raw.get("NodeID", ""),
        state=status.get("State", "new"),
        wanted=raw.get("DesiredState", ""),
        since=read_time(status.get("Timestamp") or raw["CreatedAt"]),
        made_at=read_time(raw["CreatedAt"]),
        message=status.get("Err") or status.get("Message", ""),
    )


def read_node(raw: Mapping[str, Any]) -> Node:
    """A node, as the engine tells it."""
    spec, status, machine = raw["Spec"], raw.get("Status") or {}, raw.get("Description") or {}
    resources = machine.get("Resources") or {}
    return Node(
        id=raw["ID"],
        name=machine.get("Hostname", raw["ID"]),
        role=spec["Role"],
        state=status.get("State", "unknown"),
        availability=spec["Availability"],
        cpus=resources.get("NanoCPUs", 0) / SECOND,
        memory=resources.get("MemoryBytes", 0),
        labels=spec.get("Labels") or {},
        address=status.get("Addr", ""),
        joined_at=read_time(raw["CreatedAt"]),
    )


def present(tasks: Iterable[Task]) -> list[Task]:
    """Of each place of a service the newest task: those before it are history."""
    newest: dict[tuple[str, int], Task] = {}
    for task in sorted(tasks, key=lambda each: (each.is_wanted, each.made_at)):
        newest[task.service, task.slot] = task
    return list(newest.values())


def read_time(text: str) -> datetime:
    """A time of the engine, which tells nanoseconds."""
    whole, _, rest = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}.{rest[:6]:0<6}+00:00")
