"""From what a configuration or a page calls a URL to the one URL that is visited."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import unquote

from yarl import URL

from scrapr.fetching.errors import FetchRefused
from scrapr.fetching.page import shown

LENGTH_LIMIT = 8192

# A name whose last label starts with a letter is no number in any spelling.
_NAME = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z_][a-z0-9_-]{0,62}\.?").fullmatch
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+", re.ASCII).fullmatch


def parse_target(text: str | URL) -> URL:
    """The URL in its canonical form: http or https, no fragment, numeric hosts as plain addresses.

    Numbers are read as browsers and `inet_aton` read them (octal, hexadecimal, one to four parts), so that
    what is judged is what a socket would be given. A user and password stay in place. Raises `FetchRefused`
    ("refused-url"). Source: WHATWG URL, host parsing and the IPv4 parser.
    """
    if isinstance(text, str) and len(text) > LENGTH_LIMIT:
        raise _refuse(text, f"is longer than {LENGTH_LIMIT} characters")
    try:
        url = URL(text)
        if url.scheme not in ("http", "https"):
            raise _refuse(text, f"the scheme {url.scheme!r} is not http or https")
        host = url.raw_host
        if not host:
            raise _refuse(text, "has no host")
        if url.raw_path_qs == "/" or url.raw_fragment:
            url = _tidied(url)
        return url if _NAME(host) and len(host) <= 254 else url.with_host(_canonical(host))
    except ValueError as error:
        raise _refuse(text, f"is no URL: {error}") from error


def _tidied(url: URL) -> URL:
    """The URL without a fragment, and with a path where it has none."""
    url = url.with_fragment(None)
    return url.with_path("/") if url.raw_path_qs == "/" else url


def _refuse(text: str | URL, problem: str) -> FetchRefused:
    return FetchRefused("refused-url", problem, url=shown(text))


@lru_cache(maxsize=4096)
def _canonical(host: str) -> str:
    if ":" in host:
        return _ipv6(host)
    plain = unquote(host, errors="strict").lower() if "%" in host else host
    if (number := spelled_ipv4(plain)) is not None:
        return str(number)
    if not _NAME(plain) or len(plain) > 254:
        raise ValueError(f"{host[:80]!r} is no host name")
    return plain


def _ipv6(host: str) -> str:
    if "%" in host:
        raise ValueError("an address with a zone belongs to this machine")
    return str(IPv6Address(host))


def spelled_ipv4(host: str) -> IPv4Address | None:
    """The address that a host of numbers spells, as `0x7f.1` or `2130706433`; None for a name.

    Raises `ValueError` for a host that ends in a number and is no address.
    """
    parts = host.removesuffix(".").split(".")
    if not _NUMBER(parts[-1]):
        return None
    if len(parts) > 4:
        raise ValueError(f"{host[:80]!r} ends in a number and is no address")
    *high, low = (_number(part) for part in parts)
    if any(part > 255 for part in high) or low >= 256 ** (5 - len(parts)):
        raise ValueError(f"{host[:80]!r} is out of range for an address")
    return IPv4Address(sum(part << 8 * (3 - index) for index, part in enumerate(high)) + low)


def _number(part: str) -> int:
    if not _NUMBER(part) or len(part) > 64:
        raise ValueError(f"{part[:80]!r} is no part of an address")
    if part.startswith("0x"):
        return int(part[2:] or "0", 16)
    return int(part, 8) if len(part) > 1 and part.startswith("0") else int(part)
