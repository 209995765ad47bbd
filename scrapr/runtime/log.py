"""structlog for every process: pretty on a terminal, one JSON object per line otherwise."""

from __future__ import annotations

import logging
import sys
from typing import Any

import orjson
import structlog

from scrapr.runtime.settings import LogSettings


def configure(settings: LogSettings, *, role: str) -> None:
    """Send structlog's and the libraries' lines to standard error, each with the `role`."""
    pretty = settings.format == "pretty" or (settings.format == "auto" and sys.stderr.isatty())
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *_renderers(pretty=pretty),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(role=role)
    _adopt_libraries(level)


def _renderers(*, pretty: bool) -> list[Any]:
    if pretty:
        return [structlog.dev.ConsoleRenderer(pad_event_to=28)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_dumps)]


def _dumps(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=str).decode()


class _Forward(logging.Handler):
    """Hands the lines of libraries that use the standard library's logging to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger().bind(logger=record.name)
        log.log(record.levelno, record.getMessage(), exc_info=record.exc_info)


def _adopt_libraries(level: int) -> None:
    root = logging.getLogger()
    root.handlers[:] = [_Forward()]
    root.setLevel(max(level, logging.WARNING))
