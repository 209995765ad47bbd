"""The only place that knows signals: the first asks to stop, the second kills."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

import structlog

from scrapr.runtime import terminal

log = structlog.get_logger()
KILL_SIGNALS = (signal.SIGTERM, signal.SIGINT)
"""Those of which the second means "now"."""
STOP_SIGNALS = (*KILL_SIGNALS, signal.SIGHUP)
"""Those that ask to stop; SIGHUP is a closed terminal, and comes from the kernel and from the shell, so twice."""


def _log(number: signal.Signals) -> None:
    log.info("asked to stop", signal=number.name)


def stop_on_signals(stop: asyncio.Event, tell: Callable[[signal.Signals], None] = _log) -> None:
    """Set `stop` and `tell` of it on the first of `STOP_SIGNALS`; die at once of a later one of `KILL_SIGNALS`.

    A SIGHUP that is ignored stays so: `nohup` means it.
    """
    loop = asyncio.get_running_loop()

    def ask(number: signal.Signals) -> None:
        if number is signal.SIGHUP:
            terminal.let_go_of_dead()
        if stop.is_set():
            return
        stop.set()
        for each in KILL_SIGNALS:
            loop.remove_signal_handler(each)
            loop.add_signal_handler(each, die, each)
        tell(number)

    def die(number: signal.Signals) -> None:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    for each in STOP_SIGNALS:
        if each in KILL_SIGNALS or signal.getsignal(each) is not signal.SIG_IGN:
            loop.add_signal_handler(each, ask, each)
