"""Signals as bytes on a descriptor, so that a selector can wait for them (the self-pipe trick, D. J. Bernstein)."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HEARD = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)


@contextlib.contextmanager
def listening() -> Iterator[int]:
    """A descriptor on which the numbers of the signals in `HEARD` arrive."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    before = {number: signal.signal(number, lambda *_: None) for number in HEARD}
    wakeup_before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(wakeup_before)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reader)
        os.close(writer)
