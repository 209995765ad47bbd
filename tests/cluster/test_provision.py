"""deploy/provision/provision.sh makes a Swarm of bare machines, over a real ssh."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster.bare import Bare, bare_machines

PROVISION = Path(__file__).parents[2] / "deploy/provision"
pytestmark = pytest.mark.timeout(600)


@dataclass(frozen=True)
class Operator:
    """Somebody with ssh keys, a copy of deploy/provision, and four machines."""

    folder: Path
    machines: Sequence[Bare]

    def provision(self, count: int) -> None:
        """Run the script for so many of the machines, as root with a `.ssh` of its own."""
        places = " ".join(f"root@{machine.address}" for machine in self.machines[:count])
        script = (
            f"mkdir -p ~/.ssh && mount -t tmpfs -o mode=700 tmpfs ~/.ssh && cp {self.folder}/key ~/.ssh/id_ed25519 "
            f"&& exec {self.folder}/provision/provision.sh {places}"
        )
        done = subprocess.run(
            ["unshare", "-m", "bash", "-c", script], capture_output=True, text=True, check=False, timeout=300
        )
        assert not done.returncode, done.stdout + done.stderr

    def docker(
        self, machine: Bare, *words: str, shown: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """What a machine's engine answers to whoever shows the certificate in the folder `shown`."""
        told = {
            "DOCKER_HOST": f"tcp://{machine.address}:2376",
            "DOCKER_TLS_VERIFY": "1",
            "DOCKER_CERT_PATH": str(shown or self.folder / "provision/certificates"),
        }
        environment = {"PATH": os.defpath, **told}
        return subprocess.run(
            ["docker", *words], env=environment, capture_output=True, text=True, check=False, timeout=60
        )

    def nodes(self) -> dict[str, tuple[str, str]]:
        """The Swarm's nodes by name: the role, and the labels."""
        first = self.machines[0]
        names = self.docker(first, "node", "ls", "--format", "{{.Hostname}}").stdout.split()
        told = "{{.Spec.Role}} {{range $name, $_ := .Spec.Labels}}{{$name}} {{end}}"
        found = {
            name: self.docker(first, "node", "inspect", name, "--format", told).stdout.strip()
            for name in names
        }
        return {
            name: (text.partition(" ")[0], text.partition(" ")[2].strip()) for name, text in found.items()
        }


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """Three of the machines are a Swarm."""
    folder = tmp_path_factory.mktemp("bare")
    shutil.copytree(PROVISION, folder / "provision", ignore=shutil.ignore_patterns("certificates"))
    with bare_machines(4, folder) as machines:
        operator = Operator(folder, machines)
        operator.provision(3)
        yield operator


def test_three_bare_machines_become_a_swarm_with_three_managers(operator: Operator) -> None:
    assert operator.nodes() == {
        f"bare{number}": ("manager", f"scrapr.entry scrapr.member-{number}") for number in (1, 2, 3)
    }
    told = "{{.Swarm.Cluster.Spec.Dispatcher.HeartbeatPeriod}}"
    assert operator.docker(operator.machines[0], "info", "--format", told).stdout.strip() in {
        "2s",
        "2000000000",
    }


def test_an_engine_answers_who_has_a_certificate_of_the_operators_authority_alone(
    operator: Operator, tmp_path: Path
) -> None:
    stranger = tmp_path / "stranger"
    shutil.copytree(operator.folder / "provision/certificates", stranger, symlinks=True)
    made = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=x \
        -keyout {stranger}/cert-key.pem -out {stranger}/cert.pem"
    subprocess.run(made.split(), check=True, capture_output=True)
    nobody = tmp_path / "nobody"
    nobody.mkdir()
    shutil.copy(stranger / "ca.pem", nobody)
    for machine in operator.machines[:3]:
        assert operator.docker(machine, "version").returncode == 0
        for shown in (stranger, nobody):
            assert operator.docker(machine, "version", shown=shown).returncode != 0


def test_run_again_it_changes_nothing_and_takes_a_further_machine_in_as_a_worker(operator: Operator) -> None:
    before, started = operator.nodes(), [machine.restarts for machine in operator.machines[:3]]
    operator.provision(4)
    assert operator.nodes() == before | {"bare4": ("worker", "")}
    assert [machine.restarts for machine in operator.machines[:3]] == started
