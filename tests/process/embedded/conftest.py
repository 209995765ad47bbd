"""What the tests of embedded servers share."""

from __future__ import annotations

import random

import pytest

from scrapr.embedded import plan, ports


@pytest.fixture
def port_base() -> int:
    """The first of five free ports."""
    while True:
        base = random.randint(ports.FIRST, ports.LAST)
        if all(ports.is_free(port) for port in plan.list_ports(base).values()):
            return base
