"""Other endpoints: what they serve, and answers that they give in our place."""

from __future__ import annotations

from collections.abc import Iterable

import aiohttp
import structlog
from aiohttp import web
from yarl import URL

from scrapr.discovery.directory import Directory
from scrapr.discovery.instance import Instance
from scrapr.model.errors import Unavailable
from scrapr.roles.endpoint import metrics

log = structlog.get_logger()
FORWARDED = "X-Scrapr-Forwarded"
"""Marks a request that an endpoint passed on; it is not passed on again."""
ASKED = ("Accept", "Accept-Encoding", "If-None-Match", "If-Modified-Since")
OF_THE_CONNECTION = frozenset(
    {"connection", "date", "keep-alive", "server", "te", "trailer", "transfer-encoding", "upgrade"}
)


class Peers:
    """The endpoints beside this one."""

    def __init__(
        self, directory: Directory, session: aiohttp.ClientSession, *, container: str, patience: float
    ) -> None:
        self._directory = directory
        self._session = session
        self._container = container
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=patience, sock_read=patience)

    async def instances(self) -> tuple[Instance, ...]:
        """All of them, without this one."""
        found = await self._directory.instances("endpoint")
        return tuple(each for each in found if each.container != self._container)

    async def serving(self, collection: str) -> list[Instance]:
        """Those that serve `collection`."""
        return [each for each in await self.instances() if collection in each.serves]

    async def forward(
        self, request: web.Request, peers: Iterable[Instance], target: URL
    ) -> web.StreamResponse:
        """What the first of `peers` that answers says to `target`. Raises `Unavailable` if none does."""
        headers = {name: request.headers[name] for name in ASKED if name in request.headers}
        headers[FORWARDED] = self._container
        for peer in peers:
            try:
                async with self._session.get(
                    URL(peer.url).join(target),
                    headers=headers,
                    timeout=self._timeout,
                    allow_redirects=False,
                    auto_decompress=False,
                ) as answer:
                    metrics.FORWARDED.labels("answered").inc()
                    return await _pass_on(request, answer)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                metrics.FORWARDED.labels("failed").inc()
                log.warning("peer does not answer", peer=peer.container, reason=str(error))
        raise Unavailable("The endpoint that serves this collection does not answer")


async def _pass_on(request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    told = web.StreamResponse(status=answer.status)
    for name, value in answer.headers.items():
        if name.lower() not in OF_THE_CONNECTION:
            told.headers.add(name, value)
    await told.prepare(request)
    try:
        async for piece in answer.content.iter_any():
            await told.write(piece)
        await told.write_eof()
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        log.warning("forwarded answer cut", reason=str(error))
        # What was promised cannot be delivered: only a cut connection tells the client so.
        if request.transport is not None:
            request.transport.abort()
    return told
