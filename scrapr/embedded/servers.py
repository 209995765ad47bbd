"""The three children beside which the roles run."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scrapr.embedded.keeping import Kept

if TYPE_CHECKING:
    from scrapr.embedded.server import Server
    from scrapr.fleet.companion import Companion


@dataclass(frozen=True)
class Urls:
    """Where the roles find MongoDB and Redis."""

    mongo: str
    redis: str


@dataclass(frozen=True)
class Servers:
    """The zygote, and Redis and MongoDB: kept here, or the URL of one that runs elsewhere."""

    zygote: Kept[Companion]
    redis: Kept[Server] | str
    mongod: Kept[Server] | str

    async def up(self) -> Urls:
        """Wait until all have started; raises the first failure."""
        mongo, redis, _ = await asyncio.gather(
            _find_url(self.mongod), _find_url(self.redis), self.zygote.up()
        )
        return Urls(mongo, redis)

    async def stop(self) -> tuple[str, ...]:
        """Stop what is kept here, one after the other; the names of those that had to be killed."""
        kept = {"zygote": self.zygote, "redis-server": self.redis, "mongod": self.mongod}
        return tuple(
            [name for name, each in kept.items() if isinstance(each, Kept) and not await each.stop()]
        )


async def _find_url(server: Kept[Server] | str) -> str:
    return server if isinstance(server, str) else (await server.up()).url
