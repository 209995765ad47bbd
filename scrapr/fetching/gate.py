"""The last place before a connection: every socket to the web is opened here, if the guard agrees."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, TypeAlias

from scrapr.fetching import guard
from scrapr.fetching.settings import Network

AddressInfo: TypeAlias = tuple[int, int, int, str, tuple[Any, ...]]
"""Family, type, protocol, canonical name, socket address: an element of `socket.getaddrinfo`'s answer."""

OpenSocket: TypeAlias = Callable[[AddressInfo], socket.socket]


class AddressRefused(OSError):
    """The guard refused an address.

    An `OSError`, because aiohttp then goes on to the next address of the name, which is judged in turn. Its
    text is always the same, because aiohappyeyeballs keeps the type of several errors only if they read alike.
    """

    def __init__(self, refusal: guard.Refusal):
        super().__init__("the address guard refused")
        self.refusal = refusal


def open_socket(info: AddressInfo) -> socket.socket:
    """A socket of the family and type that the address needs."""
    family, kind, protocol, _, _ = info
    return socket.socket(family=family, type=kind, proto=protocol)


class Gate:
    """A socket factory for `aiohttp.TCPConnector`.

    A resolver is not asked for IP literals, and a name may answer differently each time; the factory sees
    each address right before the connection to it. One gate serves one connection pool.
    """

    def __init__(
        self, *, allow: tuple[Network, ...], ports: tuple[int, ...], open_socket: OpenSocket = open_socket
    ):
        self._allow = allow
        self._ports = ports
        self._open = open_socket

    def __call__(self, info: AddressInfo) -> socket.socket:
        """The socket to connect; raises `AddressRefused` instead of opening one."""
        host, port = info[4][:2]
        refusal = guard.judge(str(host), port, allow=self._allow, ports=self._ports)
        if refusal is not None:
            raise AddressRefused(refusal)
        return self._open(info)
