"""What an orchestrator may ask of a Docker engine: pure. All that is not allowed here is refused.

Whoever may create a service may own the machine: by a mount, a capability, the host's network, another's secret. So a
spec is read key by key, and each key that a pool's service does not need is refused, as is each value that it has not.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from scrapr.fleet.document import POOL, SCRATCH, STACK, is_ours

ROLES = ("scraper", "endpoint")
SPEC = frozenset({"Name", "Labels", "TaskTemplate", "Mode", "UpdateConfig", "RollbackConfig", "EndpointSpec"})
TASK = frozenset(
    {"ContainerSpec", "Resources", "RestartPolicy", "Placement", "Networks", "ForceUpdate", "Runtime"}
)
CONTAINER = frozenset(
    {
        "Image",
        "Args",
        "Env",
        "Labels",
        "StopGracePeriod",
        "Secrets",
        "Mounts",
        "ReadOnly",
        "CapabilityDrop",
        "Isolation",
        "Init",
        "DNSConfig",
    }
)
"""Some of these an engine adds by itself, empty, to what it was given."""
PLACEMENT = frozenset({"Constraints", "Platforms"})
BOUNDS = frozenset({"NanoCPUs", "MemoryBytes"})
ONE = r"(?P<id>[A-Za-z0-9][A-Za-z0-9_.-]*)"
VERSION = re.compile(r"^/v1\.\d{1,2}(?=/)")
Subject: TypeAlias = Literal["", "service", "node", "create", "list"]


@dataclass(frozen=True)
class Rule:
    """One request that is allowed; `subject` says what else must be looked at before it is."""

    method: str
    path: re.Pattern[str]
    subject: Subject = ""
    query: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Match:
    """A request that follows a rule: its path without the API's version, and the id in it."""

    rule: Rule
    path: str
    id: str = ""


def _rule(method: str, path: str, subject: Subject = "", *query: str) -> Rule:
    return Rule(method, re.compile(path), subject, frozenset(query))


READS = (
    _rule("GET", r"/_ping"),
    _rule("HEAD", r"/_ping"),
    _rule("GET", r"/version"),
    _rule("GET", r"/nodes", "", "filters"),
    _rule("GET", rf"/nodes/{ONE}"),
    # An engine tells of a secret its name, never what it holds.
    _rule("GET", r"/secrets", "", "filters"),
    _rule("GET", r"/services", "list", "filters", "status"),
    _rule("GET", r"/tasks", "list", "filters"),
    _rule("GET", r"/events", "list", "filters", "stream"),
)
WRITES = (
    _rule("GET", rf"/services/{ONE}", "service"),
    _rule("POST", r"/services/create", "create"),
    _rule("POST", rf"/services/{ONE}/update", "service", "version"),
    _rule("DELETE", rf"/services/{ONE}", "service"),
    _rule("POST", rf"/nodes/{ONE}/update", "node", "version"),
    _rule("DELETE", rf"/nodes/{ONE}", "node", "force"),
)


def find_rule(method: str, path: str, query: Collection[str]) -> Match | None:
    """The rule that a request follows, by its raw path; None where it is refused."""
    bare = VERSION.sub("", path)
    for rule in (*READS, *WRITES):
        matched = rule.path.fullmatch(bare) if method == rule.method and set(query) <= rule.query else None
        if matched and not (rule.subject == "service" and bare == "/services/create"):
            return Match(rule, bare, matched.groupdict().get("id", ""))
    return None


def filters_for(path: str, stack: str) -> dict[str, list[str]]:
    """The filters that a list is asked for with, whatever those of the request were."""
    if path == "/events":
        return {"type": ["service", "node"]}
    return {"label": [f"{STACK}={stack}"]}


def faults(spec: Any, *, stack: str) -> Iterator[str]:
    """What in the spec of a service is not allowed."""
    if not isinstance(spec, dict):
        yield "the body is no object"
        return
    yield from _unknown("the spec", spec, SPEC)
    if not is_ours({"Spec": {"Labels": _dict(spec, "Labels")}}, stack):
        yield f"Labels lack {STACK}={stack} or {POOL}"
    if not str(spec.get("Name", "")).startswith(f"{stack}_"):
        yield f"Name does not begin with {stack}_"
    if set(_dict(spec, "Mode")) != {"Replicated"}:
        yield "Mode is not Replicated"
    if set(_dict(spec, "EndpointSpec")) - {"Mode"}:
        yield "EndpointSpec publishes ports"
    yield from _task_faults(_dict(spec, "TaskTemplate"), stack)


def _task_faults(task: Mapping[str, Any], stack: str) -> Iterator[str]:
    yield from _unknown("TaskTemplate", task, TASK)
    yield from _unknown("Placement", _dict(task, "Placement"), PLACEMENT)
    for network in task.get("Networks") or ():
        yield from _unknown("Networks", network, ("Target", "Aliases"))
        # Under any other name it would be taken for a store, or for another role.
        if not set(network.get("Aliases") or ()) <= {*ROLES}:
            yield "Networks give it a name that is no pool's role"
    if task.get("Runtime", "container") != "container":
        yield "Runtime is not container"
    for kind in ("Limits", "Reservations"):
        yield from _unknown(kind, _dict(_dict(task, "Resources"), kind), BOUNDS)
    container = _dict(task, "ContainerSpec")
    yield from _unknown("ContainerSpec", container, CONTAINER)
    if container.get("Args") not in [["run", "--role", role] for role in ROLES]:
        yield "Args start no replica of a pool"
    if any(_dict(container, "DNSConfig").values()):
        yield "DNSConfig is given"
    if container.get("Mounts", [SCRATCH]) != [SCRATCH]:
        yield "Mounts are not the memory under /tmp"
    for secret in container.get("Secrets") or ():
        if not str(secret.get("SecretName", "")).startswith((f"{stack}_", f"{stack}-")):
            yield f"the secret {secret.get('SecretName')} is not the stack's"


def networks(spec: Mapping[str, Any]) -> tuple[str, ...]:
    """The names or ids of the networks that a spec asks for."""
    return tuple(str(each.get("Target", "")) for each in _dict(spec, "TaskTemplate").get("Networks") or ())


def allows_network(found: Mapping[str, Any], stack: str) -> bool:
    """Whether replicas may be in a network, as the engine tells it: one of the cluster's, and the stack's by name."""
    return (
        found.get("Scope") == "swarm"
        and not found.get("Ingress")
        and str(found.get("Name")).startswith(stack)
    )


def node_faults(node: Mapping[str, Any], body: Any, stack: str) -> Iterator[str]:
    """What in a change of a node is not allowed: of a machine that was made, its availability and labels may change."""
    name = node.get("Description", {}).get("Hostname", "")
    if not name.startswith(machine_prefix(stack)) or node["Spec"]["Role"] != "worker":
        yield f"the node {name} was not made by an orchestrator"
    if body is not None and (not isinstance(body, dict) or body.get("Role") != "worker"):
        yield "the node would become a manager"


def machine_prefix(stack: str) -> str:
    """How the names of the machines begin that a node provider made."""
    return f"{stack.lower().replace('_', '-')}-grown-"


def _dict(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def _unknown(where: str, value: Mapping[str, Any], known: Collection[str]) -> Iterator[str]:
    # An engine reads keys whatever their case, so that `mounts` would be as good as `Mounts`.
    if extra := sorted(set(value) - set(known)):
        yield f"{where} has {', '.join(extra)}"
