"""What an endpoint keeps in Redis: its claims, and the last good copy of each collection.

A copy is two hashes: its rows by their keys, and where it is. Both are written in one script, and only by whoever
has more than the copy: a late replica never puts an older state over a newer one.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

import structlog
from pydantic import ValidationError

from scrapr.model.claim import Claims
from scrapr.model.errors import Damaged
from scrapr.model.times import show
from scrapr.model.validation import NEWER
from scrapr.roles.endpoint import row
from scrapr.roles.endpoint.row import Row
from scrapr.roles.endpoint.settings import EndpointSettings
from scrapr.storage.redis import Redis, translated

log = structlog.get_logger()
MONTH = 30 * 86_400
"""Seconds that what nobody touches is kept."""
STAGING = 600
"""Seconds that a half-written copy is kept."""
SCAN = 1000

Outcome: TypeAlias = Literal["kept", "known", "gap"]
"""kept: written; known: the copy is as new already; gap: the copy lacks what came before, write it whole."""

ADVANCE = """
local at = tonumber(redis.call('HGET', KEYS[1], 'version') or '-1')
local since, version = tonumber(ARGV[1]), tonumber(ARGV[2])
if at < since then return 'gap' end
if at > version then return 'known' end
local puts = tonumber(ARGV[6])
if at < version then
    for i = 7, 6 + 2 * puts, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
    for i = 7 + 2 * puts, #ARGV do redis.call('HDEL', KEYS[2], ARGV[i]) end
    redis.call('HSET', KEYS[1], 'version', version, 'total', ARGV[3], 'changed_at', ARGV[4])
end
redis.call('HSET', KEYS[1], 'confirmed_at', ARGV[5])
redis.call('EXPIRE', KEYS[1], MONTH)
redis.call('EXPIRE', KEYS[2], MONTH)
return at == version and 'known' or 'kept'
""".replace("MONTH", str(MONTH))

SWAP = """
local at = tonumber(redis.call('HGET', KEYS[1], 'version') or '-1')
local version = tonumber(ARGV[1])
if at > version and at ~= tonumber(ARGV[6]) then
    redis.call('DEL', KEYS[3])
    return 'known'
end
redis.call('DEL', KEYS[2])
if redis.call('EXISTS', KEYS[3]) == 1 then
    redis.call('RENAME', KEYS[3], KEYS[2])
    redis.call('EXPIRE', KEYS[2], MONTH)
end
redis.call('HSET', KEYS[1], 'version', version, 'total', ARGV[2], 'changed_at', ARGV[3])
redis.call('HSET', KEYS[1], 'confirmed_at', ARGV[4], 'token', ARGV[5])
redis.call('EXPIRE', KEYS[1], MONTH)
return 'kept'
""".replace("MONTH", str(MONTH))


@dataclass(frozen=True)
class Standing:
    """Where a last good copy is. `confirmed_at` is seconds since 1970; `token` names the writing of its whole."""

    version: int
    total: int
    changed_at: datetime | None
    confirmed_at: float
    token: str = ""


class Store:
    """Every method raises `Unavailable`. What another version wrote and this one cannot read is as if absent."""

    def __init__(self, redis: Redis, settings: EndpointSettings) -> None:
        self._redis = redis
        self._prefix = f"{settings.prefix}:endpoint"
        self._advance = redis.register_script(ADVANCE)
        self._swap = redis.register_script(SWAP)

    async def load_claims(self, container: str) -> Claims | None:
        """The claims that were saved last; None where there are none."""
        with translated():
            kept = await self._redis.get(self._key("claims", container))
        try:
            return None if kept is None else Claims.model_validate_json(kept, extra=NEWER)
        except ValidationError as error:
            log.warning("not readable", kind="Claims", problems=error.error_count())
            return None

    async def save_claims(self, claims: Claims) -> None:
        """Keep `claims` in place of those before."""
        with translated():
            await self._redis.set(
                self._key("claims", claims.container), claims.model_dump_json().encode(), ex=MONTH
            )

    async def standing(self, collection: str) -> Standing | None:
        """Where the last good copy is; None where there is none."""
        with translated():
            found: Any = await self._redis.hgetall(self._key("copy", collection))
        return _standing(found)

    async def rows(self, collection: str) -> AsyncIterator[list[Row]]:
        """The rows of the last good copy, some of them twice. Raises `Damaged`, too."""
        cursor, found = 0, dict[bytes, bytes]()
        while True:
            with translated():
                answer: Any = await self._redis.hscan(self._key("rows", collection), cursor, count=SCAN)
            cursor, found = answer
            yield [_row(key, packed) for key, packed in found.items()]
            if cursor == 0:
                return

    async def advance(
        self, collection: str, since: int, standing: Standing, rows: Mapping[str, Row | None]
    ) -> Outcome:
        """Bring a copy that is at `since` or later to `standing`; a row that is None is taken away."""
        puts = [part for key, each in rows.items() if each for part in (key, row.pack(each))]
        takes = [key for key, each in rows.items() if each is None]
        arguments = [since, *_arguments(standing), len(puts) // 2, *puts, *takes]
        with translated():
            return _outcome(await self._advance(keys=self._keys(collection), args=arguments))

    async def replace(
        self, collection: str, standing: Standing, rows: AsyncIterator[Iterable[Row]], *, over: int
    ) -> Outcome:
        """Write a whole copy, beside the one that is there until it is complete.

        A copy that is newer stays, unless it is at the version `over`, from before the collection began anew.
        """
        token = secrets.token_hex(8)
        beside = self._key("rows", collection, token)
        with translated():
            async for some in rows:
                if mapping := {each.key: row.pack(each) for each in some}:
                    await self._redis.hset(beside, mapping=mapping)  # type: ignore[arg-type] # wants str, takes bytes
                    await self._redis.expire(beside, STAGING)
            keys = [*self._keys(collection), beside]
            return _outcome(await self._swap(keys=keys, args=[*_arguments(standing), token, over]))

    def _keys(self, collection: str) -> list[str]:
        return [self._key("copy", collection), self._key("rows", collection)]

    def _key(self, *parts: str) -> str:
        return ":".join((self._prefix, *parts))


def _arguments(standing: Standing) -> list[int | str]:
    at = "" if standing.changed_at is None else show(standing.changed_at)
    return [standing.version, standing.total, at, str(standing.confirmed_at)]


def _outcome(answer: bytes) -> Outcome:
    match answer:
        case b"kept":
            return "kept"
        case b"known":
            return "known"
    return "gap"


def _row(key: bytes, packed: bytes) -> Row:
    try:
        return row.unpack(key, packed)
    except ValueError as error:
        raise Damaged(f"A row of the last good copy cannot be read: {error}") from error


def _standing(found: Mapping[bytes, bytes]) -> Standing | None:
    try:
        at = found[b"changed_at"].decode()
        return Standing(
            version=int(found[b"version"]),
            total=int(found[b"total"]),
            changed_at=datetime.fromisoformat(at).astimezone(UTC) if at else None,
            confirmed_at=float(found[b"confirmed_at"]),
            token=found.get(b"token", b"").decode(),
        )
    except (KeyError, ValueError):
        return None
