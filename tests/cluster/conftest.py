"""Engines for the tests; those of a session are shared, so that a test leaves nothing behind in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import image
from tests.cluster.engine import Cluster, require_engine, running_cluster
from tests.cluster.world import World, living_world


@pytest.fixture(scope="session")
def packed_image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tar file that `load_image` gives to an engine: this working copy as an image."""
    require_engine()
    return image.pack_image(tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="session")
def cluster(packed_image: Path) -> Iterator[Cluster]:
    """One engine that is a Swarm of its own and has the image under test."""
    with running_cluster() as cluster:
        image.load_image(cluster.manager, packed_image)
        yield cluster


@pytest.fixture(scope="session")
def cluster_of_three(packed_image: Path) -> Iterator[Cluster]:
    """A manager and two workers that have the image under test."""
    with running_cluster(3) as cluster:
        for engine in cluster.engines:
            image.load_image(engine, packed_image)
        yield cluster


@pytest.fixture
def world(cluster: Cluster, tmp_path: Path) -> Iterator[World]:
    """scrapr on one engine, without an orchestrator yet."""
    with living_world(cluster, tmp_path) as world:
        yield world
