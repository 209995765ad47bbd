"""The only place that knows signals: the first asks to stop, the second kills."""

from __future__ import annotations

import asyncio
import os
import signal

import structlog

log = structlog.get_logger()
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def stop_on_signals(stop: asyncio.Event) -> None:
    """Set `stop` on the first SIGTERM or SIGINT; on the second, die of it at once."""
    loop = asyncio.get_running_loop()

    def ask(number: signal.Signals) -> None:
        log.info("asked to stop", signal=number.name)
        stop.set()
        for each in STOP_SIGNALS:
            loop.remove_signal_handler(each)
            loop.add_signal_handler(each, die, each)

    def die(number: signal.Signals) -> None:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    for each in STOP_SIGNALS:
        loop.add_signal_handler(each, ask, each)
