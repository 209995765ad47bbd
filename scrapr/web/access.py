"""What a request needs and what a token allows: pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Need: TypeAlias = Literal["nothing", "read", "write"]
READS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Access:
    """What a token allows, until when (in seconds since 1970)."""

    scopes: frozenset[str]
    until: float


def bearer(header: str) -> str:
    """The token in an `Authorization` header (RFC 6750); empty where there is none."""
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    """The scopes that an access token carries: `scope` (RFC 9068), or `scp`, as some issuers call it."""
    return frozenset(_words(claims.get("scope"))) | frozenset(_words(claims.get("scp")))


def _words(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        return value.split()
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def challenge(error: str = "", description: str = "", scope: str = "") -> str:
    """A `WWW-Authenticate` header (RFC 6750, section 3)."""
    told = {"error": error, "error_description": description, "scope": scope}
    parts = [f'{name}="{_quotable(value)}"' for name, value in told.items() if value]
    return " ".join(["Bearer", ", ".join(parts)]).strip()


def _quotable(value: str) -> str:
    return "".join(each for each in value if " " <= each <= "~" and each not in '"\\')
