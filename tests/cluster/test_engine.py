"""The engines that the other tests of the cluster stand on."""

from __future__ import annotations

from tests.cluster.engine import Cluster
from tests.cluster.image import TAG


def test_an_engine_runs_the_image_in_a_network_of_its_own(cluster: Cluster) -> None:
    """And in a Swarm of one, of which nothing outside of its namespace is to be seen."""
    assert cluster.manager.docker("run", "--rm", TAG, "version")
    assert cluster.manager.docker("node", "ls", "--format", "{{.Hostname}} {{.Status}}") == "node1 Ready"
    assert cluster.wire.address in cluster.manager.shell("ip", "route")
