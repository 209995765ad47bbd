"""Two families of errors that carry data: the input is wrong, or the world is.

`Refused` is told to the user and never retried; `Unavailable` is retried. The docstring of a class is its
title in an RFC 9457 problem, and `status` its HTTP status.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class FieldError(BaseModel):
    """One wrong field: where it is, what is wrong, what would be right."""

    model_config = ConfigDict(frozen=True)

    field: str
    """Path in the body, as `scraper.selector[0].title`; empty for the body as a whole."""
    problem: str
    allowed: str | None = None
    position: int | None = None
    """Offset of the first wrong character within the field's text, where the field is a language."""

    def __str__(self) -> str:
        where = self.field or "body"
        at = "" if self.position is None else f" at character {self.position}"
        hint = "" if self.allowed is None else f"; allowed: {self.allowed}"
        return f"{where}{at}: {self.problem}{hint}"


class ScraprError(Exception):
    """Something went wrong"""

    status: ClassVar[int] = 500

    def __init__(
        self,
        detail: str,
        *,
        fields: tuple[FieldError, ...] = (),
        retry_after: float | None = None,
        public: str | None = None,
    ):
        super().__init__(detail)
        self.detail = detail
        self.public = detail if public is None else public
        """What a client is told, where the detail names addresses that are for the log."""
        self.fields = fields
        self.retry_after = retry_after
        """Seconds after which the same request may succeed."""

    @classmethod
    def title(cls) -> str:
        """The first line of the class's docstring."""
        return (cls.__doc__ or cls.__name__).strip().splitlines()[0]


class Refused(ScraprError):
    """The request was refused"""

    status = 400


class Malformed(Refused):
    """The request cannot be read"""

    status = 400


class Unauthorized(Refused):
    """The request lacks a valid token"""

    status = 401
    challenge: str = "Bearer"
    """What the `WWW-Authenticate` header says (RFC 6750)."""

    def __init__(self, detail: str, *, challenge: str = "Bearer") -> None:
        super().__init__(detail)
        self.challenge = challenge


class Forbidden(Unauthorized):
    """The token does not allow the request"""

    status = 403


class NotFound(Refused):
    """There is no such thing"""

    status = 404


class NotAcceptable(Refused):
    """The answer cannot be told in that format"""

    status = 406


class Conflict(Refused):
    """The request disagrees with the present state"""

    status = 409


class Expired(Refused):
    """The request asks for what is no longer kept"""

    status = 410


class StaleEpoch(Conflict):
    """The claim behind this request has passed to another holder"""


class TooLarge(Refused):
    """The request is larger than allowed"""

    status = 413


class Invalid(Refused):
    """The request has wrong fields"""

    status = 422

    def __init__(self, *fields: FieldError):
        super().__init__("; ".join(map(str, fields)), fields=fields)


class TooMany(Refused):
    """There are too many requests"""

    status = 429


class Unavailable(ScraprError):
    """Something that is needed does not answer"""

    status = 503


class Damaged(ScraprError):
    """Stored or received data is not what it must be"""

    status = 500
