"""`scrapr up` as a user starts it: a child process, its ports, its HTTP."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from scrapr.embedded import ports
from tests.conftest import find_free_port
from tests.processes import words_of

ROLES = ("scraper", "datasource", "endpoint", "config", "orchestrator")
READY_WITHIN = 120.0


@dataclass
class Machine:
    """A running `scrapr up`."""

    process: subprocess.Popen[bytes]
    data: Path
    port_base: int
    environment: dict[str, str]

    def url(self, role: str) -> str:
        """Where a role is."""
        return f"http://127.0.0.1:{self.port_base + ROLES.index(role)}"

    def get(self, role: str, path: str, **query: Any) -> httpx.Response:
        """What a role answers to a GET."""
        return httpx.get(self.url(role) + path, params=query, timeout=10)

    def post(self, role: str, path: str, body: Any) -> httpx.Response:
        """What a role answers to a POST of JSON."""
        return httpx.post(self.url(role) + path, json=body, timeout=60)

    def items(self, collection: str) -> list[dict[str, Any]]:
        """All items of a collection, as they are now; none while it is unknown or its endpoint starts anew."""
        found: list[dict[str, Any]] = []
        cursor = None
        while True:
            query = {"limit": 1000} | ({"cursor": cursor} if cursor else {})
            try:
                answer = self.get("endpoint", f"/v1/collections/{collection}/items", **query)
            except httpx.TransportError:
                return []
            if answer.status_code != 200:
                return []
            found += answer.json()["items"]
            if (cursor := answer.json()["next"]) is None:
                return found

    def wait_for_run(self, configuration: str, *, seconds: float = 60, runs: int = 1) -> dict[str, Any]:
        """The newest run of a configuration, once there are so many of them."""
        newest: dict[str, Any] = wait_for(lambda: self._newest(configuration, runs), seconds)
        return newest

    def _newest(self, configuration: str, runs: int) -> dict[str, Any] | None:
        found = self.get("datasource", "/v1/runs", configuration=configuration).json()["runs"]
        return found[0] if len(found) >= runs else None

    def processes(self) -> list[psutil.Process]:
        """`scrapr up` and everything that came from it."""
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    def role_process(self, role: str) -> psutil.Process:
        """The process that `ps` shows as this role; the first where there are several."""
        return next(each for each in self.processes() if words_of(each)[:1] == [f"scrapr: {role}"])

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Signal `scrapr up` and wait for its end; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=60)

    def scrapr(self, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command of the CLI against this machine."""
        command = [sys.executable, "-m", "scrapr", *words, "--port-base", str(self.port_base)]
        return subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=30,
            env=self.environment,
            check=False,
        )


def wait_for(condition: Any, seconds: float = 60.0) -> Any:
    """What `condition` gives, once that is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s")
        time.sleep(0.02)
    return found


def free_port_base() -> int:
    """The first of five ports of which all are free."""
    while True:
        base = find_free_port()
        if all(ports.is_free(base + place) for place in range(5)):
            return base


def environment_with(settings: Mapping[str, str]) -> dict[str, str]:
    """What a process of scrapr's is started with: no settings but these, and those that let it scrape loopback."""
    inherited = os.environ.items()  # noqa: TID251 - what the tests are started with, less the settings
    environment = {name: value for name, value in inherited if not name.startswith("SCRAPR_")}
    loopback = dict.fromkeys(("SCRAPR_FETCH_ALLOW", "SCRAPR_WEBHOOK_ALLOW"), "127.0.0.0/8")
    return environment | loopback | {"SCRAPR_FETCH_PACE": "0", **settings}


@contextmanager
def running(
    data: Path, *, port_base: int | None = None, terminal: int | None = None, **settings: str
) -> Iterator[Machine]:
    """`scrapr up` with its data under `data`, ready; stopped at the end if it still runs.

    Its output goes to `<data>.log`, or to the descriptor `terminal`.
    """
    base = port_base or free_port_base()
    environment = environment_with(settings)
    command = [sys.executable, "-m", "scrapr", "up", "--data", str(data), "--port-base", str(base)]
    with (data.parent / f"{data.name}.log").open("ab") as log:
        output = log if terminal is None else terminal
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    machine = Machine(process, data, base, environment)
    try:
        wait_for(lambda: process.poll() is not None or _all_ready(machine), READY_WITHIN)
        assert process.poll() is None, (data.parent / f"{data.name}.log").read_text()
        yield machine
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _all_ready(machine: Machine) -> bool:
    try:
        return all(machine.get(role, "/ready").status_code == 200 for role in ROLES)
    except httpx.HTTPError:
        return False
