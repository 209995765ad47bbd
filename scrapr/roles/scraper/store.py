"""What a scraper keeps in Redis: its claims, when each configuration ran last, and recent runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import structlog
from pydantic import BaseModel, ValidationError

from scrapr.model.batch import Run
from scrapr.model.claim import Claims
from scrapr.model.validation import NEWER
from scrapr.roles.scraper.memory import Known, News, decode
from scrapr.roles.scraper.schedule import Last
from scrapr.roles.scraper.settings import ScraperSettings
from scrapr.storage import redis as storage
from scrapr.storage.redis import Redis, translated

log = structlog.get_logger()
M = TypeVar("M", bound=BaseModel)
MONTH = 30 * 86_400
"""Seconds that what nobody touches is kept."""
OPENED = b""
"""The field of a hash of pages that names the run that has them at hand; no URL is empty."""


class Store:
    """Every method raises `Unavailable`. What another version wrote and this one cannot read is as if absent."""

    def __init__(self, redis: Redis, settings: ScraperSettings) -> None:
        self._redis = redis
        self._prefix = f"{settings.prefix}:scraper"
        self._recent = settings.recent

    async def ping(self) -> None:
        """Return if Redis answers."""
        await storage.ping(self._redis)

    async def load_claims(self, container: str) -> Claims | None:
        """The claims that were saved last; None where there are none."""
        with translated():
            return _read(Claims, await self._redis.get(self._key("claims", container)))

    async def save_claims(self, claims: Claims) -> None:
        """Keep `claims` in place of those before."""
        with translated():
            await self._redis.set(
                self._key("claims", claims.container), claims.model_dump_json().encode(), ex=MONTH
            )

    async def load_lasts(self, configurations: Iterable[str]) -> dict[str, Last]:
        """What is remembered of each configuration's newest run."""
        known = list(configurations)
        if not known:
            return {}
        with translated():
            values = await self._redis.mget([self._key("last", each) for each in known])
        lasts = {each: _read(Last, value) for each, value in zip(known, values, strict=True)}
        return {each: last for each, last in lasts.items() if last is not None}

    async def save_last(self, configuration: str, last: Last, *, ttl: int) -> None:
        """Remember `last` until long after the configuration's `ttl`."""
        with translated():
            await self._redis.set(
                self._key("last", configuration), last.model_dump_json().encode(), ex=MONTH + 2 * ttl
            )

    async def load_pages(self, name: str, run: str, seconds: float) -> dict[str, Known]:
        """The pages that are remembered under `name`, by URL; until they are saved again, they are `run`'s.

        A run that never saved them may have sent other items than those that are remembered: then there are none.
        """
        key = self._key("pages", name)
        with translated():
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.hgetall(key)
                pipeline.hset(key, OPENED, run)
                pipeline.expire(key, int(seconds))
                values = (await pipeline.execute())[0]
            if OPENED in values:
                if gone := [url for url in values if url != OPENED]:
                    await self._redis.hdel(key, *gone)
                return {}
        pages = {url.decode(): decode(value) for url, value in values.items()}
        return {url: known for url, known in pages.items() if known is not None}

    async def save_pages(self, name: str, news: News) -> None:
        """Change what is remembered under `name`."""
        key = self._key("pages", name)
        with translated():
            async with self._redis.pipeline(transaction=True) as pipeline:
                if news.learned:
                    pipeline.hset(key, mapping={url: known.encode() for url, known in news.learned.items()})
                pipeline.hdel(key, OPENED, *news.forgotten)
                await pipeline.execute()

    async def add_run(self, run: Run) -> None:
        """Put `run` before the recent ones."""
        value = run.model_dump_json().encode()
        keys = [self._key("runs"), *([self._key("runs", run.configuration)] if run.configuration else [])]
        with translated():
            async with self._redis.pipeline(transaction=False) as pipeline:
                for key in keys:
                    pipeline.lpush(key, value)
                    pipeline.ltrim(key, 0, self._recent - 1)
                    pipeline.expire(key, MONTH)
                await pipeline.execute()

    async def load_runs(self, configuration: str | None, limit: int) -> tuple[Run, ...]:
        """Recent runs, newest first: of one configuration, or of all scrapers that share this Redis."""
        key = self._key("runs", configuration) if configuration else self._key("runs")
        with translated():
            values = await self._redis.lrange(key, 0, limit - 1)
        return tuple(run for run in (_read(Run, value) for value in values) if run is not None)

    def _key(self, *parts: str) -> str:
        return ":".join((self._prefix, *parts))


def _read(kind: type[M], value: bytes | str | None) -> M | None:
    if value is None:
        return None
    try:
        return kind.model_validate_json(value, extra=NEWER)
    except ValidationError as error:
        log.warning("not readable", kind=kind.__name__, problems=error.error_count())
        return None
