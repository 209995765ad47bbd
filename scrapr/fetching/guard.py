"""Which addresses may be visited: public ones at known ports, and those that the settings name.

Sources: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890), RFC 4291 (IPv4-mapped and
-compatible), RFC 3056 (6to4), RFC 4380 (Teredo), RFC 6052 and 8215 (NAT64), RFC 5214 (ISATAP).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Literal, TypeAlias

from scrapr.fetching.settings import Network

Address: TypeAlias = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an address may not be visited: a slug and half a sentence."""

    reason: Literal["refused-address", "refused-port"]
    why: str


# The standard library's `is_private` and `is_global` changed their meaning between patch releases, so the
# tables are ours. Order matters for the words alone: the first network that holds the address names it.
_IPV4 = tuple(
    (IPv4Network(network), why)
    for network, why in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.100.100.200/32", "a cloud's metadata service"),
        ("100.64.0.0/10", "shared by a carrier"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "a cloud's metadata service"),  # the one that lies in public space
        ("169.254.169.254/32", "a cloud's metadata service"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved by the IETF"),
        ("192.0.2.0/24", "for documentation"),
        ("192.31.196.0/24", "reserved for AS112"),
        ("192.52.193.0/24", "reserved for AMT"),
        ("192.88.99.0/24", "a 6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "reserved for AS112"),
        ("198.18.0.0/15", "for benchmarks"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/24", "for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("255.255.255.255/32", "broadcast"),
        ("240.0.0.0/4", "reserved"),
    )
)

_IPV6_PUBLIC = IPv6Network("2000::/3")
_IPV6 = tuple(
    (IPv6Network(network), why)
    for network, why in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::ffff:0:0/96", "an IPv4-mapped address"),
        ("::ffff:0:0:0/96", "an IPv4-translated address"),
        ("::/96", "an IPv4-compatible address"),
        ("64:ff9b::/96", "a NAT64 address"),
        ("64:ff9b:1::/48", "a NAT64 address"),
        ("100::/64", "discarded"),
        ("2001::/32", "a Teredo address"),
        ("2001::/23", "reserved by the IETF"),
        ("2001:db8::/32", "for documentation"),
        ("2002::/16", "a 6to4 address"),
        ("2620:4f:8000::/48", "reserved for AS112"),
        ("3ffe::/16", "of the former 6bone"),
        ("3fff::/20", "for documentation"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})


def judge(host: str, port: int, *, allow: Iterable[Network], ports: Iterable[int]) -> Refusal | None:
    """Why `host`, a resolved address as a socket would get it, may not be visited; None if it may.

    What `allow` names may be visited at any port; an IPv4 network in `allow` names its addresses alone, not
    the IPv6 forms that embed them.
    """
    try:
        address = ip_address(host)
    except ValueError:
        return Refusal("refused-address", f"{host!r} is no address")
    if getattr(address, "scope_id", None):
        return Refusal("refused-address", f"{host} is bound to an interface")
    if port > 0 and any(address.version == network.version and address in network for network in allow):
        return None
    if (why := special(address)) is not None:
        return Refusal("refused-address", f"{address} is {why}, and no allowed network holds it")
    if port not in ports:
        return Refusal("refused-port", f"port {port} is not among the allowed {', '.join(map(str, ports))}")
    return None


def special(address: Address) -> str | None:
    """What is not public about an address; None if it is."""
    if isinstance(address, IPv4Address):
        return next((why for network, why in _IPV4 if address in network), None)
    for network, why in _IPV6:
        if address in network:
            return why
    if address not in _IPV6_PUBLIC:
        return "reserved"
    return "an ISATAP address" if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP else None
