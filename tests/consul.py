"""A real Consul: one server on an address of its own, which can be killed, started again and robbed of its memory."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.components import require
from tests.conftest import find_free_port

READY_WITHIN = 60.0


@dataclass
class Consul:
    """A server of one; `ports` are those of its HTTP, HTTPS and DNS, `extra` is merged into its configuration."""

    folder: Path
    extra: Mapping[str, Any] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its HTTP interface."""
        return f"http://127.0.0.1:{self.ports['http']}"

    def start(self) -> None:
        """Start it and wait until it leads itself; a second start has the ports of the first."""
        names = ("http", "dns", "serf_lan", "serf_wan", "server")
        self.ports = self.ports or {name: find_free_port() for name in names}
        settings = {
            "server": True,
            "bootstrap_expect": 1,
            "node_name": "consul-1",
            "data_dir": str(self.folder / "data"),
            "bind_addr": "127.0.0.1",
            "client_addr": "127.0.0.1",
            "ports": self.ports | {"grpc": -1} | ({"https": -1} if "https" not in self.ports else {}),
            "disable_update_check": True,
            "performance": {"raft_multiplier": 1},
            "leave_on_terminate": False,
            "dns_config": {"service_ttl": {"*": "0s"}, "only_passing": True},
            **self.extra,
        }
        self.folder.mkdir(exist_ok=True)
        (self.folder / "consul.json").write_text(json.dumps(settings))
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [find(), "agent", "-config-file", str(self.folder / "consul.json")], stdout=log, stderr=log
            )
        deadline = time.monotonic() + READY_WITHIN
        while not self._leads():
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.05)

    def kill(self) -> None:
        """End it at once, as a power cut does."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def forget(self) -> None:
        """Remove all that it keeps; it must not run."""
        shutil.rmtree(self.folder / "data", ignore_errors=True)

    def get(self, path: str) -> Any:
        """What its HTTP interface answers."""
        return httpx.get(f"{self.url}/v1/{path}", headers=self.headers, timeout=5).raise_for_status().json()

    def _leads(self) -> bool:
        try:
            return bool(self.get("status/leader"))
        except httpx.HTTPError:
            return False


def find() -> str:
    """Consul's binary; where there is none, skip or fail."""
    found = shutil.which("consul")
    require("consul", None if found else "no consul in PATH (.ci/consul installs it)")
    return found or ""


def command(*words: str, folder: Path | None = None) -> str | None:
    """What `consul WORDS` says; None where it fails."""
    done = subprocess.run(
        [find(), *words], cwd=folder, capture_output=True, text=True, check=False, timeout=30
    )
    return done.stdout.strip() if done.returncode == 0 else None


@contextlib.contextmanager
def running(folder: Path, **parts: Any) -> Iterator[Consul]:
    """A Consul that runs, with its data under `folder`."""
    consul = Consul(folder, **parts)
    try:
        consul.start()
        yield consul
    finally:
        consul.kill()
