"""Pages of other origins may read what the role tells (the CORS protocol of WHATWG Fetch).

Nothing that a browser sends by itself gives a right here, no cookie and no address: a page reads what everybody may, or
shows a token that it has.
"""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

ORIGINS = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "*"}
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Allow-Headers": "*, Authorization",  # the one that * leaves out
    "Access-Control-Max-Age": "86400",
}


async def tell_origins(_: web.Request, answer: web.StreamResponse) -> None:
    """Say so in an answer that begins."""
    answer.headers.update(ORIGINS)


@web.middleware
async def answer_preflights(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Tell a browser that asks before it reads what it may send."""
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        return web.Response(status=204, headers=PREFLIGHT)
    return await handler(request)
