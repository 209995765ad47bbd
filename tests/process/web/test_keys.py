"""An issuer's keys, however it sends them, and while it is away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import orjson
import pytest
from aiohttp import web
from joserfc.jwk import RSAKey

from scrapr.model.errors import Unavailable
from scrapr.web.keys import KeyRing

PUBLISHED = b" " * 500_000 + orjson.dumps(
    {"keys": [RSAKey.generate_key(2048, {"kid": "a"}).as_dict(private=False)]}
)


@asynccontextmanager
async def issuer(port: int) -> AsyncIterator[str]:
    """Somebody who publishes keys that are more than arrives at once."""
    url = f"http://127.0.0.1:{port}"

    async def tell(_: web.Request) -> web.Response:
        return web.json_response({"issuer": url, "jwks_uri": f"{url}/keys"})

    async def publish(_: web.Request) -> web.Response:
        return web.Response(body=PUBLISHED)

    app = web.Application()
    app.add_routes([web.get("/.well-known/openid-configuration", tell), web.get("/keys", publish)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield url
    finally:
        await runner.cleanup()


async def test_keys_that_come_in_pieces_are_read_to_their_end(free_port: Callable[[], int]) -> None:
    async with issuer(free_port()) as url:
        assert (await KeyRing(url, ttl=60).current()).keys[0].kid == "a"


async def test_while_the_issuer_is_away_newer_keys_are_unknown_and_not_denied(
    free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with issuer(free_port()) as url:
        ring = KeyRing(url, ttl=60)
        known = await ring.current()
    with monkeypatch.context() as patch:
        patch.setattr("scrapr.web.keys.AGAIN", 0.0)
        with pytest.raises(Unavailable, match="cannot be had"):
            await ring.renew(known)
    with pytest.raises(Unavailable, match="a moment ago"):
        await ring.renew(known)
    assert await ring.current() is known
