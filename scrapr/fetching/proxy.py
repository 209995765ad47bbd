"""The only way out for a browser: a forward proxy on loopback that judges each connection and counts its bytes."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiohttp.abc import AbstractResolver
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from scrapr.fetching import gate
from scrapr.fetching.errors import FetchRefused
from scrapr.fetching.settings import FetchSettings
from scrapr.fetching.target import parse_target

HEAD_MOST = 65_536
CONNECTIONS_MOST = 256
PIECE = 65_536
_OWN = frozenset(
    {"connection", "host", "keep-alive", "proxy-authorization", "proxy-connection", "te", "upgrade"}
)


@dataclass(frozen=True, slots=True)
class _Order:
    """What the browser asks for: a tunnel (`head` is empty), or one plain request."""

    url: URL
    head: bytes = b""


class Proxy:
    """The proxy of one page, from `async with` on.

    Addresses that are not public are reached only by the page's own `host`, and only if the settings allow them: a
    page from elsewhere must not use the browser to look around within. `host` None refuses everything.
    """

    def __init__(
        self,
        settings: FetchSettings,
        host: str | None,
        *,
        resolver: AbstractResolver | None = None,
        open_socket: gate.OpenSocket = gate.open_socket,
    ) -> None:
        self._settings = settings
        self._host = host
        self._resolver = resolver
        self._open_socket = open_socket
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.taken = 0
        """Bytes that went through, both ways."""
        self.refused: list[str] = []
        """Hosts and ports that were asked for in vain, the first of them."""

    @property
    def url(self) -> str:
        """Where the browser finds it."""
        if self._server is None:
            raise RuntimeError("the proxy is not open")
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def is_exhausted(self) -> bool:
        """Whether the page took as many bytes as it may."""
        return self.taken > self._settings.browser_bytes

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=HEAD_MOST)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._tasks) >= CONNECTIONS_MOST:
            writer.close()
            return
        self._tasks.add(task)
        try:
            await self._answer(reader, writer)
        except (OSError, EOFError, asyncio.LimitOverrunError, TimeoutError):
            pass  # the browser or the host went away: the page sees a failed request
        except asyncio.CancelledError:
            if self._server is not None and self._server.is_serving():
                raise
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        try:
            order = read_order(head)
            there = await self._connect(order.url)
        except (FetchRefused, gate.AddressRefused, ValueError):
            self._refuse(head)
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        except (OSError, TimeoutError):
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        host_reader, host_writer = await asyncio.open_connection(sock=there)
        try:
            if order.head:
                host_writer.write(order.head)
            else:
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await self._join(reader, writer, host_reader, host_writer)
        finally:
            host_writer.close()

    def _refuse(self, head: bytes) -> None:
        if len(self.refused) < CONNECTIONS_MOST:
            self.refused.append(head.partition(b"\r\n")[0][:200].decode("latin-1"))

    async def _connect(self, url: URL) -> socket.socket:
        """A connection to the first address of the host that the guard lets pass.

        Raises `gate.AddressRefused`, `OSError`.
        """
        host, port = str(url.raw_host), url.port or 80
        if self._host is None or self.is_exhausted:
            raise ValueError("nothing may be asked for")
        allow = self._settings.allow if host == self._host else ()
        guarded = gate.Gate(allow=allow, ports=self._settings.ports, open_socket=self._open_socket)
        resolver = self._resolver or ThreadedResolver()
        failure: OSError = OSError(f"{host} has no address")
        async with asyncio.timeout(self._settings.connect_timeout):
            for found in await resolver.resolve(host, port, socket.AF_UNSPEC):
                address = (found["host"], found["port"])
                try:
                    return await _open(guarded, (found["family"], socket.SOCK_STREAM, 0, "", address))
                except OSError as error:
                    failure = error
        raise failure

    async def _join(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        host_reader: asyncio.StreamReader,
        host_writer: asyncio.StreamWriter,
    ) -> None:
        async with asyncio.TaskGroup() as group:
            up = group.create_task(self._pump(reader, host_writer))
            await self._pump(host_reader, writer)
            up.cancel()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while piece := await reader.read(PIECE):
                self.taken += len(piece)
                if self.is_exhausted:
                    break
                writer.write(piece)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
        except OSError:
            writer.close()


async def _open(guarded: gate.Gate, info: gate.AddressInfo) -> socket.socket:
    there = guarded(info)
    try:
        there.setblocking(False)
        await asyncio.get_running_loop().sock_connect(there, info[4])
    except BaseException:
        there.close()
        raise
    return there


def read_order(head: bytes) -> _Order:
    """What a request to a proxy asks for (RFC 9112, section 3.2); a plain one is made ready to be sent on.

    Raises `FetchRefused` and `ValueError` for what is no such request.
    """
    line, *fields = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    method, target, _ = line.split(" ")
    if method == "CONNECT":
        return _Order(parse_target(f"https://{target}/"))
    url = parse_target(target)
    if url.scheme != "http" or url.user is not None:
        raise ValueError("only plain requests come without a tunnel")
    kept = [each for each in fields if each.partition(":")[0].strip().lower() not in _OWN]
    authority = url.raw_authority
    # One request for a connection: what came next on it could be for another host.
    lines = [f"{method} {url.raw_path_qs} HTTP/1.1", f"Host: {authority}", *kept, "Connection: close"]
    return _Order(url, "\r\n".join([*lines, "", ""]).encode("latin-1"))
