"""Real Docker engines in one Swarm, each in a network namespace of its own: whatever a user runs is never touched.

An engine sees its own addresses, its own firewall and its own `/run`; its data lie in a folder of the test. The engines
are joined by a bridge, at whose address the machine itself is reached from them, and from their containers.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.components import require

TOOLS = ("dockerd", "docker", "ip", "iptables", "nsenter", "unshare")
START_WITHIN = 60.0
STOP_WITHIN = 20.0


def run(*words: str, check: bool = True) -> str:
    """What a command of the machine prints; its complaint is part of the error."""
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(words)}: {done.stderr or done.stdout}")
    return done.stdout.strip()


def require_engine() -> None:
    """Skip aloud, or fail, where no engine can be started."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        require("docker", f"{', '.join(missing)} is not installed")
    if os.geteuid():
        require("docker", "only root may make network namespaces")


@dataclass(frozen=True)
class Wire:
    """A bridge of the machine and its network, 10.77.<number>.0/24; engine n of it has the address n."""

    number: int

    @property
    def bridge(self) -> str:
        """The bridge's name."""
        return f"scr{self.number}"

    @property
    def address(self) -> str:
        """Where the machine itself is, seen from the engines."""
        return self.address_of(254)

    def address_of(self, node: int) -> str:
        """Where an engine is."""
        return f"10.77.{self.number}.{node}"

    def namespace(self, node: int) -> str:
        """The network namespace of an engine."""
        return f"{self.bridge}n{node}"

    def plug(self, node: int) -> None:
        """Make the namespace of an engine, and join it to the bridge."""
        space, cable = self.namespace(node), f"{self.bridge}v{node}"
        self.unplug(node)  # of a run that was killed
        run("ip", "netns", "add", space)
        run("ip", "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", space)
        run("ip", "link", "set", cable, "master", self.bridge, "up")
        run("ip", "-n", space, "addr", "add", f"{self.address_of(node)}/24", "dev", "eth0")
        run("ip", "-n", space, "link", "set", "eth0", "up")
        run("ip", "-n", space, "link", "set", "lo", "up")
        run("ip", "-n", space, "route", "add", "default", "via", self.address)

    def unplug(self, node: int) -> None:
        """Take the namespace of an engine away."""
        run("ip", "link", "del", f"{self.bridge}v{node}", check=False)
        run("ip", "netns", "del", self.namespace(node), check=False)


FORWARD = ("FORWARD", "-j", "ACCEPT")
"""An engine sets the policy DROP, and frames that cross a bridge pass the machine's own rules."""


@contextmanager
def laid_wire() -> Iterator[Wire]:
    """A bridge with a number that no other test has; two runs of the tests may go on side by side."""
    with ExitStack() as stack:
        wire = stack.enter_context(_reserved())
        bridge = wire.bridge
        run("ip", "link", "add", bridge, "type", "bridge")
        stack.callback(run, "ip", "link", "del", bridge, check=False)
        run("ip", "addr", "add", f"{wire.address}/24", "dev", bridge)
        run("ip", "link", "set", bridge, "up")
        run("iptables", "-I", *FORWARD, "-i", bridge)
        stack.callback(run, "iptables", "-D", *FORWARD, "-i", bridge, check=False)
        yield wire


@contextmanager
def _reserved() -> Iterator[Wire]:
    for number in range(1, 255):
        path = Path(tempfile.gettempdir()) / f"scrapr-wire-{number}.lock"
        with path.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            wire = Wire(number)
            if Path("/run/netns", wire.namespace(1)).exists():
                continue  # of a run that was killed; its engines may live on
            run("ip", "link", "del", wire.bridge, check=False)  # of a run that was killed
            yield wire
            return
    raise AssertionError("254 wires are laid already")


class Engine:
    """A Docker engine; `number` is its place on the wire."""

    def __init__(self, wire: Wire, number: int, folder: Path) -> None:
        self.wire, self.number, self.folder = wire, number, folder
        self.name = f"node{number}"
        self.address = wire.address_of(number)
        self.socket = folder / "docker.sock"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where its API is, as `DOCKER_HOST` names it."""
        return f"unix://{self.socket}"

    def docker(self, *words: str, check: bool = True) -> str:
        """What a command of Docker's own client prints, spoken to this engine."""
        return run("docker", "-H", self.url, *words, check=check)

    def inspect(self, kind: str, *names: str) -> list[dict[str, Any]]:
        """What the engine knows of its objects of a kind."""
        found: list[dict[str, Any]] = json.loads(self.docker(kind, "inspect", *names)) if names else []
        return found

    def begin(self) -> None:
        """Start the engine without waiting for it."""
        for name in ("data", "exec"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        for name in ("pid", "docker.sock"):
            (self.folder / name).unlink(missing_ok=True)
        with (self.folder / "log").open("ab") as log:
            command = self._command()
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def _weigh(self) -> None:
        """Let all its containers weigh as a dozen processes of the machine; else they weigh as one together."""
        space = self.wire.namespace(self.number)
        for file, weight in (("cpu/{}/cpu.shares", "12288"), ("{}/cpu.weight", "1200")):
            path = Path("/sys/fs/cgroup") / file.format(space)
            with suppress(OSError):
                path.parent.mkdir(exist_ok=True)
                path.write_text(weight)

    def await_answer(self) -> None:
        """Wait until the engine answers."""
        deadline = time.monotonic() + START_WITHIN
        while subprocess.run(("docker", "-H", self.url, "info"), capture_output=True, check=False).returncode:
            if time.monotonic() > deadline or self._is_gone():
                raise AssertionError(f"{self.name} does not start: {self.log()[-2000:]}")
            time.sleep(0.1)
        self._weigh()

    def start(self) -> None:
        """Start the engine, again after a power cut, and wait until it answers."""
        space = self.wire.namespace(self.number)
        run("ip", "-n", space, "link", "set", "eth0", "up")
        # The route went with the link.
        run("ip", "-n", space, "route", "replace", "default", "via", self.wire.address)
        self.begin()
        self.await_answer()

    def cut_power(self) -> None:
        """End the engine and all that it runs at once; the others hear nothing more of it."""
        run("ip", "-n", self.wire.namespace(self.number), "link", "set", "eth0", "down", check=False)
        self._kill_all()

    def stop(self) -> None:
        """End the engine as its machine's shutdown does; what it still runs after that is killed."""
        if self._process is not None and not self._is_gone():
            for process in self._processes():
                if process.name() == "dockerd":
                    process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_WITHIN)
        self._kill_all()

    def log(self) -> str:
        """What the engine has said."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def shell(self, *words: str) -> str:
        """What a command prints that runs in the engine's network."""
        return run("ip", "netns", "exec", self.wire.namespace(self.number), *words)

    def _command(self) -> list[str]:
        place, resolver = self.folder, Path("/etc/resolv.conf").resolve()
        (place / "resolv.conf").write_text("nameserver 127.0.0.1\n")
        (place / "hostname").write_text(self.name)
        # An own /run: the sockets of containerd, network namespaces and the engine's own are at fixed places there.
        script = f"""
            mount -t tmpfs tmpfs /run && mkdir -p /run/lock
            mount --bind {place}/resolv.conf {resolver} 2>/dev/null
            hostname {self.name}
            exec dockerd -H {self.url} -H unix:///run/docker.sock --data-root {place}/data \\
                --exec-root {place}/exec --pidfile {place}/pid --cgroup-parent /{self.wire.namespace(self.number)} \\
                --insecure-registry 10.77.0.0/16 --ip6tables=false --log-level warn
        """
        space = f"--net=/run/netns/{self.wire.namespace(self.number)}"
        return ["nsenter", space, "unshare", "-m", "-u", "--propagation", "slave", "bash", "-c", script]

    def _is_gone(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def _processes(self) -> list[psutil.Process]:
        """The engine, its containerd, and all containers: what lives in its namespaces, and under its cgroup."""
        mark, found = str(self.folder), []
        for process in psutil.process_iter():
            try:
                if mark in " ".join(process.cmdline()) or self._is_contained(process.pid):
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found

    def _is_contained(self, pid: int) -> bool:
        groups = Path(f"/proc/{pid}/cgroup").read_text()
        return f"/{self.wire.namespace(self.number)}/" in groups

    def _kill_all(self) -> None:
        deadline = time.monotonic() + STOP_WITHIN
        while (found := self._processes()) and time.monotonic() < deadline:
            for process in found:
                try:
                    os.kill(process.pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            time.sleep(0.05)
        if self._process is not None:
            self._process.wait(STOP_WITHIN)

    def clean(self) -> None:
        """Take away what the engine left on the machine."""
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for place in sorted((each for each in mounts if each.startswith(f"{self.folder}/")), reverse=True):
            run("umount", "-l", place, check=False)
        for group in Path("/sys/fs/cgroup").glob(f"**/{self.wire.namespace(self.number)}"):
            for folder, _, _ in os.walk(group, topdown=False):
                try:
                    Path(folder).rmdir()
                except OSError:
                    continue
        shutil.rmtree(self.folder, ignore_errors=True)


class Cluster:
    """Engines on one wire, in one Swarm; the first is a manager."""

    def __init__(self, wire: Wire, folder: Path) -> None:
        self.wire, self._folder = wire, folder
        self.engines: list[Engine] = []

    @property
    def manager(self) -> Engine:
        """The engine that answers for the Swarm."""
        return self.engines[0]

    def add_engine(self) -> Engine:
        """A further engine that runs, in no Swarm."""
        [engine] = self.add_engines(1)
        return engine

    def add_engines(self, count: int) -> Sequence[Engine]:
        """Further engines that run, in no Swarm; they start side by side."""
        first = len(self.engines) + 1
        added = [
            Engine(self.wire, number, self._folder / str(number)) for number in range(first, first + count)
        ]
        for engine in added:
            engine.folder.mkdir(parents=True)
            self.engines.append(engine)
            self.wire.plug(engine.number)
            engine.begin()
        for engine in added:
            engine.await_answer()
        return added

    def begin_swarm(self) -> None:
        """Make a Swarm of the first engine."""
        self.manager.docker("swarm", "init", "--advertise-addr", self.manager.address)

    def join(self, engine: Engine, *, role: str = "worker") -> None:
        """Let an engine join as a `manager` or a `worker`."""
        token = self.manager.docker("swarm", "join-token", "-q", role)
        words = ("--advertise-addr", engine.address, "--token", token, f"{self.manager.address}:2377")
        engine.docker("swarm", "join", *words)

    def label(self, engine: Engine, **labels: str) -> None:
        """Label an engine's node."""
        words = [word for name, value in labels.items() for word in ("--label-add", f"{name}={value}")]
        self.manager.docker("node", "update", *words, engine.name)

    def close(self) -> None:
        """End all engines and take away what they left."""
        for engine in reversed(self.engines):
            engine.stop()
        for engine in self.engines:
            engine.clean()
            self.wire.unplug(engine.number)
        shutil.rmtree(self._folder, ignore_errors=True)


@contextmanager
def running_cluster(nodes: int = 1, *, managers: int = 1, heartbeat: str = "1s") -> Iterator[Cluster]:
    """So many engines in a Swarm. A node that is silent counts as down after three times the `heartbeat`."""
    require_engine()
    # A socket's path has 107 characters at most: not below the tests' own folder.
    folder = Path(tempfile.gettempdir()) / f"scr{secrets.token_hex(3)}"
    with laid_wire() as wire:
        cluster = Cluster(wire, folder)
        try:
            cluster.add_engines(nodes)
            cluster.begin_swarm()
            cluster.manager.docker("swarm", "update", "--dispatcher-heartbeat", heartbeat)
            for number, engine in enumerate(cluster.engines[1:], start=2):
                cluster.join(engine, role="manager" if number <= managers else "worker")
            yield cluster
        finally:
            cluster.close()
