"""What the scrapers of a cluster share of each host, in Redis: slots, starts and holds. Times are Redis's own."""

from __future__ import annotations

from typing import Any

from scrapr.storage.redis import Redis, translated

WANT = 2000
"""Milliseconds for which a scraper that looked for a slot counts as waiting."""

# Slots: a hash of how many each member has, and when each member's expire. Members that wait are in `wants`.
_CLEAN = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now)) do
  redis.call('HDEL', KEYS[1], member)
  redis.call('ZREM', KEYS[2], member)
end
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
local total = 0
for _, count in ipairs(redis.call('HVALS', KEYS[1])) do total = total + count end
local others, members = 0, redis.call('HLEN', KEYS[1])
for _, member in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
  if member ~= ARGV[1] then others = others + 1 end
  if redis.call('HEXISTS', KEYS[1], member) == 0 then members = members + 1 end
end
local lease = tonumber(ARGV[2])
local function keep()
  redis.call('ZADD', KEYS[2], now + lease, ARGV[1])
  for key = 1, 3 do redis.call('PEXPIRE', KEYS[key], 2 * lease) end
end
"""
_BORROW = (
    _CLEAN
    + """
local slots = tonumber(ARGV[3])
local has = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or 0)
if total >= slots or (others > 0 and has > 0 and has >= math.floor(slots / members)) then
  redis.call('ZADD', KEYS[3], now + tonumber(ARGV[4]), ARGV[1])
  redis.call('PEXPIRE', KEYS[3], 2 * lease)
  return 0
end
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
keep()
return 1
"""
)
# What a member says it has is the truth: it asks for one thing at a time.
_RENEW = (
    _CLEAN
    + """
local has = tonumber(ARGV[3])
total = total + has - (redis.call('HGET', KEYS[1], ARGV[1]) or 0)
if has > 0 then
  redis.call('HSET', KEYS[1], ARGV[1], has)
  keep()
else
  redis.call('HDEL', KEYS[1], ARGV[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
end
local share = -1
if others > 0 then share = math.floor(total / math.max(1, members)) end
return {share, math.max(0, tonumber(redis.call('GET', KEYS[4]) or 0) - now)}
"""
)
_START = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local held = math.max(now, tonumber(redis.call('GET', KEYS[2]) or 0))
local at = math.max(held, tonumber(redis.call('GET', KEYS[1]) or 0))
if at - now <= tonumber(ARGV[2]) then
  redis.call('SET', KEYS[1], at + ARGV[1], 'PX', at - now + ARGV[1] + 1000)
end
return {held - now, at - held}
"""
_HOLD = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local last = math.max(now + ARGV[1], tonumber(redis.call('GET', KEYS[1]) or 0))
redis.call('SET', KEYS[1], string.format('%.0f', last), 'PX', last - now + 1000)
"""


class Slots:
    """One scraper's hand in what all share; `member` is its name, `lease` the seconds for which it borrows.

    Every method raises `Unavailable`.
    """

    def __init__(self, redis: Redis, *, prefix: str, member: str, lease: float) -> None:
        self._prefix = prefix
        self._member = member
        self._lease = int(lease * 1000)
        self._borrow = redis.register_script(_BORROW)
        self._renew = redis.register_script(_RENEW)
        self._start = redis.register_script(_START)
        self._hold = redis.register_script(_HOLD)

    async def borrow(self, host: str, slots: int) -> bool:
        """Borrow one more slot, if less than `slots` are borrowed by all together."""
        keys = self._keys(host, "slots", "leases", "wants")
        return bool(await self._run(self._borrow, keys, self._member, self._lease, slots, WANT))

    async def renew(self, host: str, has: int) -> tuple[int | None, float]:
        """Keep `has` slots and give back all others; not while one more is being borrowed.

        The answer is how many to keep at most if others wait, and for how many seconds the host is held.
        """
        keys = self._keys(host, "slots", "leases", "wants", "hold")
        share, held = await self._run(self._renew, keys, self._member, self._lease, has)
        return (None if share < 0 else share), held / 1000

    async def start(self, host: str, interval: float, patience: float) -> tuple[float, float]:
        """Take the next start, `interval` seconds before the one after it, if it is within `patience` seconds.

        The answer is the seconds until then: those that the host is held, and those beyond.
        """
        keys = self._keys(host, "start", "hold")
        held, paced = await self._run(self._start, keys, int(interval * 1000), int(patience * 1000))
        return held / 1000, paced / 1000

    async def hold(self, host: str, seconds: float) -> None:
        """Let nobody start at the host for so long."""
        await self._run(self._hold, self._keys(host, "hold"), int(seconds * 1000))

    def _keys(self, host: str, *kinds: str) -> list[str]:
        return [f"{self._prefix}:hosts:{{{host}}}:{kind}" for kind in kinds]

    async def _run(self, script: Any, keys: list[str], *arguments: str | int) -> Any:
        with translated():
            return await script(keys=keys, args=arguments)
