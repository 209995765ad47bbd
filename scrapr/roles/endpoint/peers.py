"""Other endpoints: what they serve, and answers that they give in our place."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

import aiohttp
import structlog
from aiohttp import web
from yarl import URL

from scrapr.client import events
from scrapr.client.events import MEDIA_TYPE, Event
from scrapr.discovery.directory import Directory
from scrapr.discovery.instance import Instance
from scrapr.model import problem
from scrapr.model.errors import Unavailable
from scrapr.roles.endpoint import metrics
from scrapr.web.call import PREFIX

log = structlog.get_logger()
FORWARDED = "X-Scrapr-Forwarded"
"""Marks a request that an endpoint passed on; it is not passed on again."""
GONE_FROM_HERE = 404
"""What an endpoint answers to what was passed on to it and it does not serve: it left the collection since it told of
it, or is another one that was given the address of one that died."""
WHOLE = 2**20
"""Bytes of an answer that is read whole before any of it is told: a peer that dies meanwhile costs nothing then."""
ASKED = ("Accept", "Accept-Encoding", "If-None-Match", "If-Modified-Since", "Last-Event-ID")
OF_THE_CONNECTION = frozenset(
    {"connection", "date", "keep-alive", "server", "te", "trailer", "transfer-encoding", "upgrade"}
)


@dataclass(frozen=True)
class Hearing:
    """A collection's stream at a peer: where it begins, and what is told there."""

    version: int
    events: AsyncIterator[Event]
    answer: aiohttp.ClientResponse


class Peers:
    """The endpoints beside this one. A stream of theirs that is silent for `hearing` seconds has ended."""

    def __init__(
        self,
        directory: Directory,
        session: aiohttp.ClientSession,
        *,
        container: str,
        patience: float,
        hearing: float,
        token: str,
    ) -> None:
        self._directory = directory
        self._session = session
        self._container = container
        self._shown = {"Authorization": f"Bearer {token}"} if token else {}
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=patience, sock_read=patience)
        self._hearing = aiohttp.ClientTimeout(total=None, sock_connect=patience, sock_read=hearing)
        self._lasting: aiohttp.ClientSession | None = None

    async def instances(self) -> tuple[Instance, ...]:
        """All of them, without this one."""
        found = await self._directory.instances("endpoint")
        return tuple(each for each in found if each.container != self._container)

    async def serving(self, collection: str) -> list[Instance]:
        """Those that serve `collection`."""
        return [each for each in await self.instances() if collection in each.serves]

    async def forward(
        self, request: web.Request, peers: Iterable[Instance], target: URL, *, lasting: bool = False
    ) -> web.StreamResponse | None:
        """What the first of `peers` that has it says to `target`; a `lasting` answer is a stream.

        None where they all have it no more. Raises `Unavailable` if none has it and one does not answer.
        """
        silent = False
        headers = {name: request.headers[name] for name in ASKED if name in request.headers}
        headers[FORWARDED] = self._container
        for peer in peers:
            try:
                async with (self._streams() if lasting else self._session).get(
                    URL(peer.url).join(target),
                    headers=headers,
                    timeout=self._hearing if lasting else self._timeout,
                    allow_redirects=False,
                    auto_decompress=False,
                ) as answer:
                    if answer.status == GONE_FROM_HERE:
                        metrics.FORWARDED.labels("elsewhere").inc()
                        continue
                    told = await _read(answer)
                    metrics.FORWARDED.labels("answered").inc()
                    return await _pass_on(request, answer) if told is None else told
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                silent = True
                metrics.FORWARDED.labels("failed").inc()
                log.warning("peer does not answer", peer=peer.container, reason=str(error))
        if silent:
            raise Unavailable("The endpoint that serves this collection does not answer")
        return None

    async def hear(self, peers: Iterable[Instance], collection: str, *, since: int | None) -> Hearing | None:
        """The stream of a collection at the first of `peers` that has it, as `forward`. Raises what that refuses."""
        silent = False
        target = URL.build(
            path=f"{PREFIX}/collections/{collection}/changes",
            query={} if since is None else {"since": str(since)},
        )
        headers = {"Accept": MEDIA_TYPE, FORWARDED: self._container}
        for peer in peers:
            url = URL(peer.url).join(target)
            try:
                answer = await self._streams().get(url, headers=headers, timeout=self._hearing)
                if answer.status == GONE_FROM_HERE:
                    answer.release()
                    continue
                if answer.status != 200:
                    raise problem.revive(answer.status, await answer.json(content_type=None))
                told = events.read(answer.content)
                return Hearing(int((await anext(told)).id), told, answer)
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError, StopAsyncIteration) as error:
                silent = True
                log.warning("peer does not answer", peer=peer.container, reason=str(error))
        if silent:
            raise Unavailable("The endpoint that serves this collection does not answer")
        return None

    async def close(self) -> None:
        """End the streams."""
        if self._lasting is not None:
            await self._lasting.close()

    def _streams(self) -> aiohttp.ClientSession:
        """Connections of their own, as many as there are streams: those for calls are few, and would all be taken."""
        if self._lasting is None or self._lasting.closed:
            self._lasting = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0), headers=self._shown
            )
        return self._lasting


async def _read(answer: aiohttp.ClientResponse) -> web.Response | None:
    """The answer, if it says that it is short; raises `aiohttp.ClientError` if it does not come whole."""
    if answer.content_length is None or answer.content_length > WHOLE:
        return None
    return web.Response(status=answer.status, headers=_headers(answer), body=await answer.read())


async def _pass_on(request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    told = web.StreamResponse(status=answer.status, headers=_headers(answer))
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


def _headers(answer: aiohttp.ClientResponse) -> list[tuple[str, str]]:
    return [(name, value) for name, value in answer.headers.items() if name.lower() not in OF_THE_CONNECTION]
