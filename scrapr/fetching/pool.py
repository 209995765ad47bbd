"""The connections to the web, each opened through the gate."""

from __future__ import annotations

import ssl

import aiohttp
from aiohttp.abc import AbstractResolver

from scrapr.fetching import gate
from scrapr.fetching.settings import FetchSettings

READ_SIZE = 262_144
"""Bytes that are buffered for a reader, and decompressed at a time."""


class Pool:
    """Two sessions with connections of their own: the usual one, and one for public addresses alone.

    A connection that is kept alive is not judged again. So what a redirect from https leads to must not find
    one to an allowed private address in the pool, and is sent through a session that has none.
    """

    def __init__(
        self,
        settings: FetchSettings,
        *,
        resolver: AbstractResolver | None = None,
        open_socket: gate.OpenSocket = gate.open_socket,
    ):
        self._settings = settings
        self._resolver = resolver
        self._open_socket = open_socket
        self._usual: aiohttp.ClientSession | None = None
        self._public: aiohttp.ClientSession | None = None

    def session(self, *, outside: bool) -> aiohttp.ClientSession:
        """The session to send with; `outside` is the one for public addresses alone."""
        if outside:
            if self._public is None:
                self._public = self._open(self._settings.model_copy(update={"allow": ()}))
            return self._public
        if self._usual is None:
            self._usual = self._open(self._settings)
        return self._usual

    async def close(self) -> None:
        """Close all connections."""
        for session in (self._usual, self._public):
            if session is not None:
                await session.close()
        self._usual = self._public = None

    def _open(self, settings: FetchSettings) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=settings.connections,
            keepalive_timeout=settings.keep_alive,
            resolver=self._resolver,
            ssl=_tls(settings),
            socket_factory=gate.Gate(
                allow=settings.allow, ports=settings.ports, open_socket=self._open_socket
            ),
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(
                total=settings.timeout,
                sock_connect=settings.connect_timeout,
                sock_read=settings.silence_timeout,
            ),
            read_bufsize=READ_SIZE,
            max_line_size=settings.header_limit,
            max_field_size=settings.header_limit,
            max_headers=settings.header_count,
            trust_env=False,  # a proxy of the environment would connect for us, past the gate
        )


def _tls(settings: FetchSettings) -> ssl.SSLContext | bool:
    if settings.ca_file is None:
        return True
    context = ssl.create_default_context()
    context.load_verify_locations(settings.ca_file)
    return context
