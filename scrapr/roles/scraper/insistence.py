"""What the datasource must hear is told again and again, until it does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from scrapr.model.errors import TooMany, Unavailable
from scrapr.roles.scraper import metrics
from scrapr.runtime import backoff

log = structlog.get_logger()


async def insist(tell: Callable[[], Awaitable[object]], *, run: str) -> None:
    """Return when `tell` did. Raises what is refused, which no later try would change."""
    failures = 0
    while True:
        try:
            await tell()
        except (Unavailable, TooMany) as error:
            failures += 1
            metrics.DELAYED.inc()
            if failures == 1:
                log.warning("datasource does not take it", run=run, reason=error.detail)
            await asyncio.sleep(max(error.retry_after or 0, backoff.delay(failures)))
        else:
            if failures:
                log.info("datasource takes it again", run=run, tries=failures + 1)
            return
