"""deploy/stack.yml on the engines of the tests, and clients of its public entry."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.cluster.engine import Cluster
from tests.system.machine import wait_for

DEPLOY = Path(__file__).parents[2] / "deploy"
READY_WITHIN = 420.0
POOLS = ("scrapr_endpoint-default", "scrapr_scraper-default")
OURS = ("scrapr_config", "scrapr_datasource", "scrapr_orchestrator", "scrapr_engine-proxy", *POOLS)
"""The services that run scrapr's own image."""


@dataclass
class Stack:
    """The stack as it runs; `folder` is a copy of `deploy/` with secrets of its own."""

    cluster: Cluster
    folder: Path
    client: httpx.Client = field(default_factory=lambda: httpx.Client(verify=False, timeout=60))

    @property
    def url(self) -> str:
        """The public entry."""
        return f"https://{self.cluster.manager.address}"

    def deploy(self, image: str, *options: str, **others: str) -> None:
        """`docker stack deploy`, as deploy/README.md says it; `others` are variables of the stack.

        Without `options` there is no registry.
        """
        variables = {
            "SCRAPR_IMAGE": image,
            "SCRAPR_FETCH_ALLOW": "10.77.0.0/16",
            "MONGO_CACHE_GB": "0.25",
            "DOCKER_HOST": self.cluster.manager.url,
            "PATH": os.defpath + ":/usr/local/bin:/usr/sbin",
            "HOME": str(self.folder),
            **others,
        }
        told = options or ("--resolve-image", "never")
        command = ["docker", "stack", "deploy", *told, "-c", "stack.yml", "scrapr"]
        done = subprocess.run(
            command, cwd=self.folder, env=variables, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stderr

    def docker(self, *words: str) -> str:
        """What a manager's client prints."""
        return self.cluster.manager.docker(*words)

    def wait_until_ready(self) -> None:
        """Return once all services have all their replicas, and the one that prepares is done."""
        wait_for(lambda: not self.missing(), READY_WITHIN)

    def missing(self) -> dict[str, str]:
        """The services that lack replicas, as "running/wanted"; a pool's may not be there yet."""
        lines = self.docker("service", "ls", "--format", "{{.Name}} {{.Replicas}}").splitlines()
        found = dict.fromkeys(POOLS, "none") | {line.split()[0]: line.split()[1] for line in lines}
        done = found.pop("scrapr_mongo-set") == "0/1" and "Complete" in self.docker(
            "service", "ps", "scrapr_mongo-set", "--format", "{{.CurrentState}}"
        )
        lacking = {name: each for name, each in found.items() if not _is_complete(each)}
        return lacking if done else lacking | {"scrapr_mongo-set": "not done"}

    def images(self, *services: str) -> set[str]:
        """The images that tasks of these services run, or are meant to."""
        told = ("--no-trunc", "-f", "desired-state=running", "--format", "{{.Image}}")
        return set(self.docker("service", "ps", *services, *told).split())

    def label(self, service: str, name: str) -> str:
        """A label of a service; empty where it has none."""
        shown = f'{{{{with index .Spec.Labels "{name}"}}}}{{{{.}}}}{{{{end}}}}'
        return self.docker("service", "inspect", service, "--format", shown)

    def update_state(self, service: str) -> str:
        """What has become of the newest update of a service."""
        shown = "{{with .UpdateStatus}}{{.State}}{{end}}"
        return self.docker("service", "inspect", service, "--format", shown)

    def post(self, body: dict[str, Any]) -> httpx.Response:
        """The answer to a posted configuration, once there is one of config."""

        def answer() -> httpx.Response | None:
            found = self.client.post(f"{self.url}/v1/configurations", json=body, headers=self._token())
            return found if found.status_code < 500 else None

        posted: httpx.Response = wait_for(answer, READY_WITHIN)
        return posted

    def get(self, path: str) -> Any:
        """What is answered at the public entry; None while it is no success."""
        try:
            answer = self.client.get(f"{self.url}{path}")
        except httpx.TransportError:
            return None
        return answer.json() if answer.is_success else None

    def runs(self, configuration: str) -> set[str]:
        """The newest runs of a configuration that have ended well."""
        found = self.get(f"/v1/runs?configuration={configuration}") or {"runs": []}
        return {each["run"] for each in found["runs"] if each["outcome"] == "complete"}

    def put_pool(self, name: str, **parts: Any) -> None:
        """Create or change a pool."""
        role, _, place = name.partition("-")
        body = {"role": role, "place": place, **parts}
        url = f"{self.url}/v1/pools/{name}"
        self.client.put(url, json=body, headers=self._token()).raise_for_status()

    def nodes_of(self, service: str) -> dict[str, str]:
        """The nodes of the running replicas of a pool's service, by the names under which they claim."""
        told = ("--no-trunc", "-f", "desired-state=running", "--format", "{{.Name}}.{{.ID}} {{.Node}}")
        rows = (line.split() for line in self.docker("service", "ps", service, *told).splitlines())
        return {row[0]: row[1] for row in rows if len(row) == 2}  # a task that has no node yet has one word

    def items(self, collection: str) -> list[dict[str, Any]]:
        """A collection's items as a client sees them; none where it is not served."""
        answer = self.client.get(f"{self.url}/v1/collections/{collection}/items")
        return list(answer.json()["items"]) if answer.status_code == 200 else []

    @contextmanager
    def load(self, path: str, *, clients: int = 4) -> Iterator[Counter[int | str]]:
        """Clients that ask past the cache, 50 times a second at most; the counts of what they were answered.

        The entry lets an address ask 500 times a second.
        """
        counts: Counter[int | str] = Counter()
        stop = threading.Event()

        def ask() -> None:
            with httpx.Client(verify=False, timeout=60) as client:
                while not stop.wait(0.02):
                    counts[self._ask(client, path)] += 1

        threads = [threading.Thread(target=ask) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            wait_for(lambda: counts.total() > 20, 120)
            yield counts
            seen = counts.total()
            wait_for(lambda: counts.total() > seen + 20, 120)
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def _ask(self, client: httpx.Client, path: str) -> int | str:
        try:
            return client.get(f"{self.url}{path}", headers={"Authorization": "Bearer of-nobody"}).status_code
        except httpx.TransportError as error:
            return type(error).__name__

    def _token(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {(self.folder / 'secrets/web_token').read_text()}"}


def _is_complete(replicas: str) -> bool:
    running, _, wanted = replicas.partition("/")
    return running == wanted


@contextmanager
def prepared(cluster: Cluster, folder: Path) -> Iterator[Stack]:
    """Labels, secrets, and a copy of `deploy/`; at the end everything is removed again."""
    shutil.copytree(DEPLOY, folder, ignore=shutil.ignore_patterns("secrets"))
    _decrypt(folder / "stack.yml")
    subprocess.run([folder / "secrets.sh"], check=True, capture_output=True, timeout=60)
    engines = cluster.engines
    for number in (1, 2, 3):
        cluster.label(engines[(number - 1) % len(engines)], **{f"scrapr.member-{number}": "true"})
    for engine in engines:
        cluster.label(engine, **{"scrapr.entry": "true"})
    stack = Stack(cluster, folder)
    try:
        yield stack
    finally:
        stack.client.close()
        stack.docker("stack", "rm", "scrapr")
        wait_for(lambda: not stack.docker("ps", "-q", "--filter", "name=scrapr_"), 120)
        # The orchestrator has made nothing anew meanwhile.
        assert not stack.docker("service", "ls", "-q")
        wait_for(lambda: not stack.docker("network", "ls", "-q", "--filter", "name=scrapr_"), 60)


def _decrypt(stack: Path) -> None:
    """The machine of the tests may have no IPsec."""
    lines = stack.read_text().splitlines()
    kept = [line for line in lines if "encrypted:" not in line]
    assert len(lines) - len(kept) == 2
    stack.write_text("\n".join(kept))


def act_under_load(stack: Stack, path: str, act: Callable[[], None]) -> Counter[int | str]:
    """What clients were answered before, while and after `act` is done."""
    with stack.load(path) as counts:
        act()
    return counts
