"""The shelf keeps results in Redis: of each configuration a limited number, the least recently used goes first."""

from __future__ import annotations

import time

import structlog
from pydantic import ValidationError

from scrapr.model.result import Result
from scrapr.model.validation import NEWER
from scrapr.roles.scraper.settings import ScraperSettings
from scrapr.storage.redis import Redis, translated

log = structlog.get_logger()
DAY = 86_400
"""Seconds beyond the ttl for which a result can still stand in for a run that fails."""

PUT = """
redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[3])
redis.call('ZADD', KEYS[1], ARGV[4], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
local over = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[5])
if over > 0 then
    local gone = redis.call('ZPOPMIN', KEYS[1], over)
    for i = 1, #gone, 2 do redis.call('DEL', ARGV[6] .. gone[i]) end
end
"""


class Shelf:
    """Every method raises `Unavailable`. What another version wrote and this one cannot read is as if absent."""

    def __init__(self, redis: Redis, settings: ScraperSettings) -> None:
        self._redis = redis
        self._prefix = f"{settings.prefix}:scraper"
        self._most = settings.input_sets
        self._put = redis.register_script(PUT)

    async def get(self, configuration: str, digest: str) -> Result | None:
        """What was kept under `digest`; it counts as used."""
        with translated():
            async with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.get(self._place(configuration) + digest)
                pipeline.zadd(self._index(configuration), {digest: time.time()}, xx=True)
                value = (await pipeline.execute())[0]
        try:
            return None if value is None else Result.model_validate_json(value, extra=NEWER)
        except ValidationError as error:
            log.warning("not readable", kind="Result", problems=error.error_count())
            return None

    async def put(self, configuration: str, digest: str, result: Result, *, ttl: int) -> None:
        """Keep `result`, in place of the one that was used least recently if there are too many."""
        place = self._place(configuration)
        keys = [self._index(configuration), place + digest]
        value = result.model_dump_json().encode()
        with translated():
            await self._put(keys=keys, args=[digest, value, ttl + DAY, time.time(), self._most, place])

    def _index(self, configuration: str) -> str:
        return f"{self._prefix}:results:{configuration}"

    def _place(self, configuration: str) -> str:
        return f"{self._prefix}:result:{configuration}:"
