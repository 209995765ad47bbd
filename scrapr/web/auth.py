"""Who may write: on loopback everybody, elsewhere whoever carries the token."""

from __future__ import annotations

import hmac

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from scrapr.model.errors import Unauthorized
from scrapr.web.settings import WebSettings

READS = frozenset({"GET", "HEAD", "OPTIONS"})


def require_token(settings: WebSettings) -> Middleware:
    """A middleware that refuses writes without the settings' token; without a token in the settings, none."""
    token = settings.token.get_secret_value()

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if (
            token
            and request.method not in READS
            and not carries(request.headers.get("Authorization", ""), token)
        ):
            raise Unauthorized(
                "A write needs the header 'Authorization: Bearer <token>' with this role's token"
            )
        return await handler(request)

    return check


def carries(header: str, token: str) -> bool:
    """Whether an `Authorization` header holds `token` (RFC 6750); compared in constant time."""
    scheme, _, given = header.partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())
