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
        self._one_by_one = asyncio.Lock()

    async def current(self) -> KeySet:
        """The keys; where they are old and no new ones can be had, as they were. Raises `Unavailable` without any."""
        keys = self._keys
        if keys is not None and time.monotonic() - self._fetched_at < self._ttl:
            return keys
        try:
            return await self.renew(keys)
        except Unavailable as error:
            if keys is None:
                raise
            log.warning("keys not renewed", issuer=self._issuer, reason=error.detail)
            return keys

    async def renew(self, old: KeySet | None) -> KeySet:
        """Newer keys than `old`, or the same if they were fetched just now. Raises `Unavailable`."""
        async with self._one_by_one:
            if self._keys is not None and self._keys is not old:
                return self._keys
            if time.monotonic() - self._tried_at < AGAIN:
                if old is None:
                    raise Unavailable(f"The keys of {self._issuer} could not be had a moment ago")
                return old
            self._tried_at = time.monotonic()
            self._keys = await _fetch_keys(self._issuer)
            self._fetched_at = time.monotonic()
            return self._keys


async def _fetch_keys(issuer: str) -> KeySet:
    # A session of its own: that of the roles shows everybody the roles' token.
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT)) as session:
            metadata = await _find_metadata(session, issuer)
            where = metadata.get("jwks_uri")
            # RFC 8414, section 3.3: whoever tells of another issuer is not to be believed.
            if metadata.get("issuer") != issuer or not isinstance(where, str) or not is_confidential(where):
                raise Unavailable(f"What {issuer} tells of itself is another issuer's, or names no keys")
            return KeySet.import_key_set(await _fetch(session, URL(where)))
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError, JoseError) as error:
        told = str(error) or type(error).__name__
        problem = f"The keys of {issuer} cannot be had"
        raise Unavailable(f"{problem}: {told}", public=f"{problem}; try again in a moment") from error


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
        return orjson.loads(await answer.content.read(LARGEST))
