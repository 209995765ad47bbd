"""Who may read and write: whoever carries the roles' token, or one of the issuer's with the right scope."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from scrapr.model.errors import Forbidden, Unauthorized
from scrapr.web.access import Need, bearer, challenge
from scrapr.web.settings import OAuthSettings, WebSettings

if TYPE_CHECKING:
    from scrapr.web.issuer import Issuer


class Guard:
    """Admits requests. Without a token and an issuer in the settings, all; reads, unless they are private, as well."""

    def __init__(self, settings: WebSettings, oauth: OAuthSettings | None = None) -> None:
        self.token = settings.token.get_secret_value()
        self.private = settings.private
        self._oauth = oauth if oauth is not None and oauth.issuer else None
        self._issuer = None if self._oauth is None else _know(self._oauth)

    async def admit(self, header: str, need: Need) -> None:
        """Return if whoever sends this `Authorization` header may do what it needs.

        Raises `Unauthorized` for no token or a wrong one, `Forbidden` for one that does not allow it, `Unavailable`
        where it cannot be known.
        """
        if not self._asks_for(need):
            return
        token = bearer(header)
        if not token:
            raise Unauthorized(
                f"This needs the header 'Authorization: Bearer <token>' with {self._wanted(need)}"
            )
        if self.token and is_same(token, self.token):
            return
        if self._issuer is None:
            raise Unauthorized(
                f"The token is not {self._wanted(need)}",
                challenge=challenge("invalid_token", "The token is not known"),
            )
        if not self._allowed(need) & (await self._issuer.verify(token)).scopes:
            told = f"The token does not allow this; allowed: {self._wanted(need)}"
            raise Forbidden(told, challenge=challenge("insufficient_scope", told, self._scope(need)))

    def admits_at_once(self, header: str) -> bool:
        """Whether a read with this header needs no further look."""
        if not self.private:
            return True
        token = bearer(header)
        if is_same(token, self.token):
            return True
        access = self._issuer.recall(token) if self._issuer is not None else None
        return access is not None and bool(self._allowed("read") & access.scopes)

    def _asks_for(self, need: Need) -> bool:
        if need == "read":
            return self.private
        return need == "write" and bool(self.token or self._issuer)

    def _allowed(self, need: Need) -> frozenset[str]:
        """The scopes of which one is enough: whoever may write may read."""
        if self._oauth is None:
            return frozenset()
        return frozenset({self._oauth.write_scope, *([self._oauth.read_scope] if need == "read" else [])})

    def _scope(self, need: Need) -> str:
        if self._oauth is None:
            return ""
        return self._oauth.write_scope if need == "write" else self._oauth.read_scope

    def _wanted(self, need: Need) -> str:
        wanted = ["this role's token"] if self.token else []
        if self._oauth is not None:
            wanted.append(f"one of {self._oauth.issuer} with the scope {self._scope(need)}")
        return " or ".join(wanted)


def _know(oauth: OAuthSettings) -> Issuer:
    from scrapr.web.issuer import Issuer  # noqa: PLC0415 - cryptography takes memory of each process that imports it

    return Issuer(oauth)


def is_same(token: str, other: str) -> bool:
    """Whether two tokens are the same; compared in constant time."""
    # A header may hold bytes that are no text; aiohttp hands them on as surrogates.
    return hmac.compare_digest(token.encode(errors="surrogateescape"), other.encode())
