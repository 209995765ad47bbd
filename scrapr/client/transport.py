"""Calls to a peer: found when needed, bounded in time, retried when the world is wrong, refused in our words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote

import aiohttp
import orjson
import stamina
from pydantic import BaseModel, ValidationError

from scrapr.client import events
from scrapr.client.breakers import Breakers
from scrapr.client.events import MEDIA_TYPE, Event
from scrapr.client.settings import ClientSettings
from scrapr.model import problem
from scrapr.model.errors import Damaged, Refused, Unavailable
from scrapr.model.role import ROLE_HEADER
from scrapr.model.validation import NEWER

M = TypeVar("M", bound=BaseModel)
Locate: TypeAlias = Callable[[], Awaitable[str]]
"""Finds the URL of a peer, as `http://127.0.0.1:3003`; raises `Unavailable` where there is none."""


SILENCE = 600.0
"""Seconds without a byte after which a stream counts as broken off."""
CONNECT = 2.0
"""Seconds for a connection, which takes milliseconds, and a second more where its first packet was lost."""
LOOKS = 4
"""How often a peer is looked for that did not fail just now."""


class Transport:
    """HTTP to one role. Answers that are problems are raised as the errors that they tell of.

    `name` is what a client is told of the role where it does not answer.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        locate: Locate,
        settings: ClientSettings,
        breakers: Breakers | None = None,
        *,
        name: str = "Another role",
    ) -> None:
        self._session = session
        self.locate = locate
        self._settings = settings
        self._breakers = breakers or Breakers(settings)
        self._away = f"{name} does not answer; try again in a moment"

    def toward(self, locate: Locate, *, name: str = "Another role") -> Transport:
        """The same connections, manners and circuits, to another peer."""
        return Transport(self._session, locate, self._settings, self._breakers, name=name)

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        patience: float | None = None,
        once: bool = False,
    ) -> Any:
        """The JSON value that the peer answers, None for no content.

        Tried again on `Unavailable`, unless it may happen but `once`. `patience` is how many seconds a call may take
        that takes longer than the settings' timeout.
        """
        options = {
            "params": _texts(query),
            "headers": {"Content-Type": "application/json", **(headers or {})},
            "timeout": self._timeout(patience),
        }
        attempts = stamina.retry_context(
            on=Unavailable,
            attempts=1 if once else self._settings.tries,
            wait_initial=0.05,
            wait_max=1.0,
            timeout=None,
        )
        async for attempt in attempts:
            with attempt:
                return await self._try(method, path, body, options)
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def get(self, kind: type[M], path: str, query: Mapping[str, Any] | None = None) -> M:
        """What the peer answers to `GET path`, as a `kind`."""
        return as_kind(kind, await self.call("GET", path, query=query))

    async def send(self, method: str, kind: type[M], path: str, body: Any) -> M:
        """What the peer answers to `body`, as a `kind`."""
        return as_kind(kind, await self.call(method, path, body=body))

    async def listen(
        self, path: str, *, query: Mapping[str, Any] | None, headers: Mapping[str, str], silence: float
    ) -> AsyncIterator[Event]:
        """The events that the peer tells at `path`, until the stream ends or is silent for too many seconds.

        Raises `Unavailable` for the latter, and what the peer refuses.
        """
        url = await self.locate() + path
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._settings.timeout, sock_read=silence)
        try:
            async with self._session.get(
                url, params=_texts(query), headers={"Accept": MEDIA_TYPE, **headers}, timeout=timeout
            ) as answer:
                if answer.status >= 400:
                    _read(answer, await answer.read())
                async for event in events.read(answer.content):
                    yield event
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._silent(f"GET {url}", error) from error

    async def _try(self, method: str, path: str, body: Any, options: dict[str, Any]) -> Any:
        peer = await self._find()
        data = body.model_dump_json().encode() if isinstance(body, BaseModel) else orjson.dumps(body)
        # A peer that answers, be it that it is busy, is there: only where nobody answers the circuit opens.
        with self._breakers.guarding(peer, public=self._away):
            try:
                async with self._session.request(
                    method,
                    peer + path,
                    data=None if body is None else BytesIO(data),
                    allow_redirects=False,
                    **options,
                ) as answer:
                    content = await answer.read()
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise self._silent(f"{method} {peer}{path}", error) from error
        return _read(answer, content)

    async def _find(self) -> str:
        """A peer; one that failed just now only where there seems to be no other."""
        peer = await self.locate()
        for _ in range(LOOKS):
            if not self._breakers.doubts(peer):
                break
            peer = await self.locate()
        return peer

    @asynccontextmanager
    async def stream(
        self, path: str, body: AsyncIterator[bytes] | None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """What the peer answers to `POST path`, piece by piece, however long it takes as long as pieces come."""
        url = await self.locate() + path
        timeout = aiohttp.ClientTimeout(total=None, sock_read=SILENCE)
        try:
            async with self._session.post(url, data=body, timeout=timeout, allow_redirects=False) as answer:
                if answer.status >= 400:
                    _read(answer, await answer.read())
                yield answer.content.iter_any()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._silent(f"POST {url}", error) from error

    def _silent(self, request: str, error: Exception) -> Unavailable:
        return Unavailable(f"{request}: {str(error) or type(error).__name__}", public=self._away)

    def _timeout(self, patience: float | None) -> aiohttp.ClientTimeout:
        timeout = self._settings.timeout
        return aiohttp.ClientTimeout(total=max(timeout, patience or 0), sock_connect=min(timeout, CONNECT))


def place(*names: str) -> str:
    """The path of what is named so, whatever is in the names. Raises `Refused` for what can be no name there."""
    for name in names:
        if name in {"", ".", ".."}:
            raise Refused(f"{name!r} is no name")
    return "/".join(["/v1", *(quote(name, safe="", errors="surrogateescape") for name in names)])


def _texts(query: Mapping[str, Any] | None) -> dict[str, str]:
    return {name: str(value) for name, value in (query or {}).items() if value is not None}


def _read(answer: aiohttp.ClientResponse, content: bytes) -> Any:
    try:
        value = orjson.loads(content) if content else None
    except orjson.JSONDecodeError:
        value = None
    if answer.status < 400:
        return value
    wait = answer.headers.get("Retry-After", "")
    raise problem.revive(answer.status, value, retry_after=float(wait) if wait.isdigit() else None)


def as_kind(kind: type[M], value: Any) -> M:
    """`value`, which a peer sent, as a `kind`; a peer that sends anything else is `Damaged`."""
    try:
        return kind.model_validate(value, extra=NEWER)
    except ValidationError as error:
        raise Damaged(f"A peer's answer is no {kind.__name__}: {error}") from error


@asynccontextmanager
async def open_session(
    settings: ClientSettings, token: str, *, role: str | None = None
) -> AsyncIterator[aiohttp.ClientSession]:
    """The connections to all peers, which show them `token` where there is one, and who asks if that is a `role`."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if role is not None:
        headers[ROLE_HEADER] = role
    timeout = aiohttp.ClientTimeout(total=settings.timeout)
    # A compartment for each peer, and no limit over all: one that hangs must not take the others' connections.
    connector = aiohttp.TCPConnector(limit=0, limit_per_host=settings.at_once)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout, connector=connector) as session:
        yield session


def at(url: str) -> Locate:
    """A peer whose URL is known."""
    if not url.startswith(("http://", "https://")):
        raise Refused(f"{url!r} is not the URL of a role; allowed: http://host:port")

    async def locate() -> str:
        return url.rstrip("/")

    return locate
