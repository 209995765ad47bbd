"""At which address others reach a process that listens on all of them."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_address

from scrapr.model.errors import Unavailable


def is_everywhere(host: str) -> bool:
    """Whether `host` means every address of the machine."""
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


async def find_own(peer: str) -> str:
    """The address from which this machine speaks to `peer`: in a container that is in several networks, the right one.

    Raises `Unavailable` where `peer` has no address or there is no way to it.
    """
    try:
        return await asyncio.to_thread(_ask_kernel, peer)
    except OSError as error:
        raise Unavailable(
            f"{peer} is not found, so this process does not know its own address: {error}"
        ) from error


def _ask_kernel(peer: str) -> str:
    family, kind, _, _, address = socket.getaddrinfo(peer, 9, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind) as probe:
        probe.connect(address)  # of a datagram socket: the kernel chooses the way, nothing is sent
        return str(probe.getsockname()[0])
