"""An issuer's public keys, as it publishes them.

They are kept: an issuer that is away keeps nobody out whose token was signed with a key that is known. Keys may be
rotated at any time, but nobody makes us ask for them more often than each `AGAIN` seconds.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
import orjson
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from yarl import URL

from scrapr.model.errors import Unavailable
from scrapr.web.settings import is_confidential

log = structlog.get_logger()
AGAIN = 10.0
"""Seconds between two tries to fetch keys."""
TIMEOUT, LARGEST = 5.0, 1 << 20
"""Seconds and bytes of one answer of the issuer."""


class KeyRing:
    """The keys of `issuer`, fetched anew after `ttl` seconds."""

    def __init__(self, issuer: str, ttl: float) -> None:
        self._issuer = issuer
        self._ttl = ttl
        self._keys: KeySet | None = None
        self._fetched_at = self._tried_at = -max(ttl, AGAIN)
        self._failed: str | None = None
        self._one_by_one = asyncio.Lock()

    async def current(self) -> KeySet:
        """The keys; where they are old and no new ones can be had, as they were. Raises `Unavailable` without any."""
        keys = self._keys
        if keys is not None and time.monotonic() - self._fetched_at < self._ttl:
            return keys
        try:
            return await self.renew(keys)
        except Unavailable:
            if keys is None:
                raise
            return keys

    async def renew(self, old: KeySet | None) -> KeySet:
        """Newer keys than `old`, or the same if they were fetched just now. Raises `Unavailable`."""
        async with self._one_by_one:
            if self._keys is not None and self._keys is not old:
                return self._keys
            if time.monotonic() - self._tried_at >= AGAIN:
                return await self._try()
            if old is None or self._failed is not None:
                raise _away(self._issuer, f"not a moment ago: {self._failed}")
            return old

    async def _try(self) -> KeySet:
        self._tried_at = time.monotonic()
        try:
            self._keys = await _fetch_keys(self._issuer)
        except Unavailable as error:
            self._failed = error.detail
            log.warning("keys not renewed", issuer=self._issuer, reason=error.detail)
            raise
        self._fetched_at, self._failed = time.monotonic(), None
        return self._keys


async def _fetch_keys(issuer: str) -> KeySet:
    # A session of its own: that of the roles shows everybody the roles' token.
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT)) as session:
            metadata = await _find_metadata(session, issuer)
            where = metadata["jwks_uri"]
            # RFC 8414, section 3.3: whoever tells of another issuer is not to be believed.
            if metadata["issuer"] != issuer or not isinstance(where, str) or not is_confidential(where):
                raise Unavailable(f"What {issuer} tells of itself is another issuer's, or names no keys")
            return understood(await _fetch(session, URL(where)))
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError, TypeError) as error:
        raise _away(issuer, str(error) or type(error).__name__) from error


def _away(issuer: str, why: str) -> Unavailable:
    problem = f"The keys of {issuer} cannot be had"
    return Unavailable(f"{problem}: {why}", public=f"{problem}; try again in a moment")


def understood(published: Any) -> KeySet:
    """The keys of a published set that are understood; others are passed over (RFC 7517, section 5)."""
    found = []
    for key in published["keys"]:
        try:
            found += KeySet.import_key_set({"keys": [key]}).keys
        except (JoseError, ValueError, KeyError, TypeError) as error:
            log.debug("key passed over", reason=str(error) or type(error).__name__)
    if not found:
        raise ValueError("none of them is understood")
    return KeySet(found)


async def _find_metadata(session: aiohttp.ClientSession, issuer: str) -> Any:
    """OpenID Connect Discovery's document, or that of RFC 8414."""
    url = URL(issuer)
    path = url.path.rstrip("/")
    try:
        return await _fetch(session, url.with_path(f"{path}/.well-known/openid-configuration"))
    except aiohttp.ClientResponseError:
        return await _fetch(session, url.with_path(f"/.well-known/oauth-authorization-server{path}"))


async def _fetch(session: aiohttp.ClientSession, url: URL) -> Any:
    async with session.get(url, allow_redirects=False, raise_for_status=True) as answer:
        content = bytearray()
        async for piece in answer.content.iter_any():  # `read` would give what came until now
            content += piece
            if len(content) > LARGEST:
                raise ValueError(f"{url} has more than {LARGEST} bytes")
        return orjson.loads(content)
