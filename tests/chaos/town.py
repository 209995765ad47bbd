"""A town is all roles at work, each reached by its URLs, some of them in several replicas."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.conftest import find_free_port
from tests.processes import is_alive, words_of
from tests.system.machine import ROLES, Machine, free_port_base, running, wait_for

HASTY = {
    # Deaths are the rule here, so nobody waits long before whatever died is started again.
    "SCRAPR_EMBEDDED_RESTART_MOST": "0.2",
    "SCRAPR_ORCHESTRATOR_BACKOFF_MOST": "0.2",
    "SCRAPR_ORCHESTRATOR_SETTLE": "0.1",
    "SCRAPR_SCRAPER_RECOVER": "0.1",
    "SCRAPR_CONFIG_LEASE": "6",
    "SCRAPR_CONFIG_SWEEP": "0.5",
    "SCRAPR_DISCOVERY_TTL": "6",
    "SCRAPR_DATASOURCE_RECONCILE": "5",
    "SCRAPR_ENDPOINT_CHECK": "5",
}
ANSWERS_WITHIN = 180.0


@dataclass
class Replica:
    """One more process of a role, beside those that `scrapr up` runs; started again whenever it ends."""

    role: str
    port: int
    environment: Mapping[str, str]
    log: Path
    advertise: str = ""
    """Where others are to reach it; empty: where it listens."""
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _ended: bool = field(default=False, init=False)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def living(self) -> Iterator[None]:
        """Run it until the end of the block."""
        self._start()
        keeper = threading.Thread(target=self._keep)
        keeper.start()
        try:
            yield
        finally:
            self._ended = True
            while keeper.is_alive():
                if self.process is not None:
                    self.process.kill()
                keeper.join(0.1)

    def _keep(self) -> None:
        while not self._ended:
            if self.process is not None:
                self.process.wait()
            if not self._ended:
                self._start()

    def _start(self) -> None:
        own = {"SCRAPR_WEB_PORT": str(self.port), "SCRAPR_CLAIM_CONTAINER": f"{self.role}-{self.port}"}
        if self.advertise:
            own["SCRAPR_WEB_ADVERTISE"] = self.advertise
        command = [sys.executable, "-m", "scrapr", "run", f"--role={self.role}"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env={**self.environment, **own}, stdout=log, stderr=log)


@dataclass
class Town:
    """Roles by their URLs, and their processes."""

    urls: Mapping[str, Sequence[str]]
    find_processes: Callable[[], Sequence[psutil.Process]]
    machine: Machine | None = None

    def ask(self, role: str, path: str, *, seconds: float = ANSWERS_WITHIN, **query: Any) -> Any:
        """The JSON that a replica of the role answers to a GET; asked again until one does."""
        return wait_for(lambda: self.try_to_ask(role, path, **query), seconds)

    def try_to_ask(self, role: str, path: str, **query: Any) -> Any:
        """The JSON that the first replica answers that does; None where none does."""
        for url in self.urls[role]:
            with suppress(httpx.TransportError):
                answer = httpx.get(url + path, params=query, timeout=10)
                if answer.status_code == 200:
                    return answer.json()
        return None

    def change(self, role: str, method: str, path: str, body: Any = None) -> Any:
        """What a replica answers to a write."""
        answer = httpx.request(method, self.urls[role][0] + path, json=body, timeout=30)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def processes(self, role: str) -> list[psutil.Process]:
        """The live processes of a role."""
        title = [f"scrapr: {role}"]
        return [each for each in self.find_processes() if words_of(each)[:1] == title and is_alive(each)]

    def pick(self, role: str, dice: random.Random) -> psutil.Process:
        """One of the role's processes, once there is one."""
        found: psutil.Process = wait_for(
            lambda: dice.choice(processes) if (processes := self.processes(role)) else None, ANSWERS_WITHIN
        )
        return found

    def is_ready(self) -> bool:
        """Whether every process of every role says that it is ready."""
        try:
            return all(
                httpx.get(url + "/ready", timeout=5).status_code == 200
                for urls in self.urls.values()
                for url in urls
            )
        except httpx.TransportError:
            return False


@contextmanager
def founded(folder: Path, mongo: str, redis: str, **settings: str) -> Iterator[Town]:
    """A town of a whole `scrapr up` with two scrapers, and of one more datasource."""
    settings = {"SCRAPR_MONGO_URL": mongo, "SCRAPR_REDIS_URL": redis, **HASTY, **settings}
    with running(folder / "up", port_base=free_port_base(), terminal=None, **settings) as machine:
        second = Replica("datasource", find_free_port(), machine.environment, folder / "datasource-2.log")
        with second.living():
            urls = {role: [machine.url(role)] for role in ROLES}
            urls["datasource"].append(second.url)

            def processes() -> list[psutil.Process]:
                extra = psutil.Process(second.process.pid) if second.process is not None else None
                return [*machine.processes(), *([extra] if extra is not None else [])]

            town = Town(urls, processes, machine)
            pool = {"role": "scraper", "replicas_min": 2}
            town.change("config", "PUT", "/v1/pools/scraper-default", pool)
            wait_for(lambda: town.is_ready() and len(town.processes("scraper")) == 2, ANSWERS_WITHIN)
            yield town
