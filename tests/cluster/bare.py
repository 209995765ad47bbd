"""Bare machines, as somebody rents three of them: a network namespace each, with an sshd, and no Docker engine yet.

They share the machine's programs, but for systemd, which runs once on a machine: `systemctl` is one of the tests' own
that keeps to what the unit's drop-in says.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.cluster.engine import Wire, laid_wire, require_engine, run
from tests.components import require
from tests.system.machine import wait_for

TOOLS = ("/usr/sbin/sshd", "/usr/bin/ssh", "/usr/bin/sudo", "/usr/bin/openssl")
OWN = {
    "docker": "/etc/docker",
    "systemd": "/etc/systemd/system",
    "sbin": "/usr/local/sbin",
    "hosts": "/etc/hosts",
}
"""What a machine has of its own, by the name of what lies there."""
SYSTEMCTL = """#!/bin/sh
# Of docker.service: `restart` starts what the drop-in's last ExecStart says, and waits until it answers.
[ "$1" = restart ] || exit 0
echo restarted >>/etc/docker/restarts
[ -f /run/docker.pid ] && kill "$(cat /run/docker.pid)" && while [ -f /run/docker.pid ]; do sleep 0.1; done
command=$(sed -n 's/^ExecStart=//p' /etc/systemd/system/docker.service.d/*.conf | tail -1)
setsid $command </dev/null >/etc/docker/log 2>&1 &
until docker info >/dev/null 2>&1; do sleep 0.1; done
"""


class Bare:
    """A machine that is reached by ssh as root, with the key of the folder in which it lies."""

    def __init__(self, wire: Wire, number: int, folder: Path) -> None:
        self.address, self._space = wire.address_of(number), wire.namespace(number)
        self._wire, self._number, self._folder = wire, number, folder / str(number)

    def start(self) -> None:
        """Plug it in, and wait until its sshd listens."""
        self._wire.plug(self._number)
        for name in ("docker", "systemd", "sbin", "data"):
            (self._folder / name).mkdir(parents=True)
        settings = {
            "data-root": str(self._folder / "data"),
            "cgroup-parent": f"/{self._space}",
            "ip6tables": False,
        }
        (self._folder / "docker/daemon.json").write_text(json.dumps(settings))
        (self._folder / "hosts").write_text(f"127.0.0.1 localhost bare{self._number}\n")
        program = self._folder / "sbin/systemctl"
        program.write_text(SYSTEMCTL)
        program.chmod(0o755)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self._folder / "host"))
        mounts = " && ".join(f"mount --bind {self._folder / name} {place}" for name, place in OWN.items())
        sshd = f"/usr/sbin/sshd -D -e -f /dev/null -h {self._folder}/host -o ListenAddress={self.address}"
        sshd += f" -o AuthorizedKeysFile={self._folder.parent}/key.pub -o StrictModes=no -o PidFile=none"
        script = f"mount -t tmpfs tmpfs /run && mkdir -p /run/sshd /run/lock && {mounts} && "
        script += f"hostname bare{self._number} && exec {sshd}"
        space = (
            "nsenter",
            f"--net=/run/netns/{self._space}",
            "unshare",
            "-m",
            "-u",
            "--propagation",
            "slave",
        )
        with (self._folder / "log").open("wb") as log:
            self._sshd = subprocess.Popen(
                [*space, "bash", "-c", script], stdout=log, stderr=log, start_new_session=True
            )
        wait_for(lambda: "Server listening" in (self._folder / "log").read_text(), 30)

    @property
    def restarts(self) -> int:
        """How often its engine was started."""
        path = self._folder / "docker/restarts"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def stop(self) -> None:
        """Pull the plug."""
        deadline = time.monotonic() + 20
        while (found := run("ip", "netns", "pids", self._space, check=False).split()) and (
            time.monotonic() < deadline
        ):
            for each in found:
                os.kill(int(each), signal.SIGKILL)
            time.sleep(0.05)
        self._sshd.wait(20)
        self._wire.unplug(self._number)


@contextmanager
def bare_machines(count: int, folder: Path) -> Iterator[list[Bare]]:
    """So many machines; `folder` has the key that opens them, `key`."""
    require_engine()
    missing = [tool for tool in TOOLS if not Path(tool).exists()]
    require("sshd", f"there is no {', '.join(missing)}" if missing else None)
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key"))
    with ExitStack() as stack:
        wire = stack.enter_context(laid_wire())
        machines = [Bare(wire, number, folder) for number in range(1, count + 1)]
        for machine in machines:
            machine.start()
            stack.callback(machine.stop)
        yield machines
