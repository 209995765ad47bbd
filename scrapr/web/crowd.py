"""How many requests a process works at: more are sent away at once, before they cost anything."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import Counter

from scrapr.model.errors import Unavailable
from scrapr.web.call import PREFIX

REFUSED = Counter("scrapr_http_refused_total", "Requests sent away with 503 because too many were under way")
HEALTH = frozenset(prefix + path for prefix in ("", PREFIX) for path in ("/ping", "/ready", "/metrics"))
"""What tells how a process is must answer just when it has too much to do."""
RETRY_AFTER = 1.0


class Place:
    """A request's place in the crowd; clones of the request share it."""

    taken = True


PLACE = web.RequestKey("place", Place)


class Crowd:
    """The requests under way; one that streams counts until its answer begins, for its clients have other bounds."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0

    def attach(self, app: web.Application) -> None:
        """Notice when answers of `app` begin."""
        app.on_response_prepare.append(self._begin)

    @web.middleware
    async def admit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a request in, or raise `Unavailable`."""
        if request.path in HEALTH:
            return await handler(request)
        if self._count >= self._most:
            REFUSED.inc()
            raise Unavailable(f"{self._count} requests are under way already", retry_after=RETRY_AFTER)
        self._count += 1
        request[PLACE] = Place()
        try:
            return await handler(request)
        finally:
            self._leave(request)

    async def _begin(self, request: web.Request, _: web.StreamResponse) -> None:
        self._leave(request)

    def _leave(self, request: web.Request) -> None:
        place = request.get(PLACE)
        if place is not None and place.taken:
            place.taken = False
            self._count -= 1
