"""Access tokens of an OpenID or OAuth issuer, verified with the keys that it publishes."""

from __future__ import annotations

import time

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from scrapr.model.errors import Unauthorized
from scrapr.web.access import Access, challenge, scopes
from scrapr.web.keys import KeyRing
from scrapr.web.settings import OAuthSettings

ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
)
"""Asymmetric ones alone: a public key must never count as a shared secret (RFC 8725, section 3.1)."""
KINDS = frozenset({"at+jwt", "application/at+jwt", "jwt"})
"""The `typ` of what may be an access token; RFC 9068 says the first, many issuers the last."""
KNOWN_MOST = 4096
"""Verified tokens that are remembered."""


class Issuer:
    """Verifies what `settings.issuer` signed for `settings.audience`."""

    def __init__(self, settings: OAuthSettings) -> None:
        self._settings = settings
        self._ring = KeyRing(settings.issuer, settings.keys_ttl)
        self._known: dict[str, Access] = {}

    def recall(self, token: str) -> Access | None:
        """What a token allows that was verified before and is still good."""
        access = self._known.get(token)
        return access if access is not None and access.until > time.time() else None

    async def verify(self, token: str) -> Access:
        """What a token allows; raises `Unauthorized` that says why not, `Unavailable` where its key cannot be had."""
        if (known := self.recall(token)) is not None:
            return known
        try:
            access = await self._verify(token)
        except (JoseError, ValueError) as error:
            over = isinstance(error, ExpiredTokenError)
            told = f"The token is not accepted: {'it is over' if over else error}"
            raise Unauthorized(told, challenge=challenge("invalid_token", told)) from error
        if len(self._known) >= KNOWN_MOST:
            self._known.clear()
        self._known[token] = access
        return access

    async def _verify(self, token: str) -> Access:
        keys = await self._ring.current()
        try:
            return read(token, keys, self._settings)
        except InvalidKeyIdError:
            return read(token, await self._ring.renew(keys), self._settings)


def read(token: str, keys: KeySet, settings: OAuthSettings) -> Access:
    """What a JWT allows that the issuer signed with one of its `keys` for us (RFC 9068).

    Raises joserfc's errors, or `ValueError`, for all others: `InvalidKeyIdError` where the key is none of these.
    """
    decoded = jwt.decode(token, keys, algorithms=ALGORITHMS)
    if str(decoded.header.get("typ", "jwt")).lower() not in KINDS:
        raise ValueError("it is no access token")
    jwt.JWTClaimsRegistry(
        leeway=settings.leeway,
        iss={"essential": True, "value": settings.issuer},
        aud={"essential": True, "value": settings.audience},
        exp={"essential": True},
    ).validate(decoded.claims)
    return Access(scopes(decoded.claims), decoded.claims["exp"] + settings.leeway)
