"""A page for the stack to scrape."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.system.conftest import serving_pages

PAGE = '<ul><li class="item"><h3>Bar</h3></li><li class="item"><h3>Cafe</h3></li></ul>'


@contextmanager
def serving(address: str) -> Iterator[str]:
    """The page where containers reach it: at the machine's own address."""
    with serving_pages({"/": PAGE}, address) as base:
        yield f"{base}/"
