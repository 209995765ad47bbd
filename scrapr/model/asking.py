"""What one configuration sends with the requests to its source: method, body, headers, cookies, a login.

A value may be a reference to a secret, `{"$secret": "name"}`. Only the reference is stored and shown; the process that
fetches knows the value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    WithJsonSchema,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from scrapr.model.validation import path, wrong

REFERENCE = "$secret"
VALUE_MOST = 16_384
"""Characters of a header, a cookie or a part of a login."""
BODY_MOST = 100_000

_NAMED = r"[a-z0-9][a-z0-9_.-]{0,99}"
is_secret_name = re.compile(_NAMED).fullmatch
is_header_name = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}").fullmatch
is_header_value = re.compile(rf"[^\x00-\x08\x0a-\x1f\x7f]{{0,{VALUE_MOST}}}").fullmatch

FRAMING = frozenset(
    {"accept-encoding", "connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization"}
    | {"proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Headers that frame the message or belong to the connection are the client's own; Accept-Encoding too, because only
what can be decompressed within the limits may be asked for."""

_ELSEWHERE = {
    "user-agent": "is said by fetch.user_agent",
    "cookie": "is said by fetch.cookies",
    "if-match": "is the fetcher's own",
    "if-none-match": "is the fetcher's own",
    "if-modified-since": "is the fetcher's own",
    "if-unmodified-since": "is the fetcher's own",
    "if-range": "would ask for a part of the page",
    "range": "would ask for a part of the page",
}
_AUTHORIZATION = f'a reference to a secret, {{"{REFERENCE}": "name"}}, or fetch.auth'
_TEXT = f'text, or a reference to a secret, {{"{REFERENCE}": "name"}}'
_SECRET_NAME = "up to 100 small letters, digits, dots, hyphens and underscores"  # noqa: S105 - says what is allowed


class Secret(BaseModel):
    """A reference to a secret that the process that fetches knows."""

    model_config = ConfigDict(frozen=True)

    name: str

    @model_serializer
    def _as_reference(self) -> dict[str, str]:
        return {REFERENCE: self.name}


def read_reference(value: Any) -> Secret | None:
    """The reference that a JSON value is; None if it is none. Raises `wrong` for one that names nothing."""
    if not (isinstance(value, dict) and REFERENCE in value):
        return None
    name = value[REFERENCE]
    if len(value) > 1 or not isinstance(name, str) or not is_secret_name(name):
        raise wrong(
            "is no reference to a secret", allowed=f'{{"{REFERENCE}": "name"}}, the name {_SECRET_NAME}'
        )
    return Secret(name=name)


def _read_text(value: Any) -> str | Secret:
    if isinstance(value, Secret):
        return value
    if (secret := read_reference(value)) is not None:
        return secret
    if not isinstance(value, str) or not is_header_value(value):
        raise wrong(f"is not text in one line of up to {VALUE_MOST} characters", allowed=_TEXT)
    return value


def _read_secret(value: Any) -> Secret:
    read = _read_text(value)
    if isinstance(read, str):
        raise wrong(
            "would be stored and shown", allowed=f'a reference to a secret, {{"{REFERENCE}": "name"}}'
        )
    return read


_SCHEMA_SECRET = {
    "type": "object",
    "properties": {REFERENCE: {"type": "string", "pattern": f"^{_NAMED}$"}},
    "required": [REFERENCE],
    "additionalProperties": False,
}
Text: TypeAlias = Annotated[
    str | Secret,
    BeforeValidator(_read_text),
    WithJsonSchema({"anyOf": [{"type": "string", "maxLength": VALUE_MOST}, _SCHEMA_SECRET]}),
]
OnlySecret: TypeAlias = Annotated[Secret, BeforeValidator(_read_secret), WithJsonSchema(_SCHEMA_SECRET)]


def _check_user(user: str | Secret) -> str | Secret:
    if isinstance(user, str) and ":" in user:
        raise wrong("holds a colon, after which the password would begin", allowed="a text without one")
    return user


class Login(BaseModel):
    """A user and password, sent as basic authentication (RFC 7617)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    user: Annotated[Text, AfterValidator(_check_user)]
    password: OnlySecret


def _check_headers(headers: dict[str, str | Secret]) -> dict[str, str | Secret]:
    for name, value in headers.items():
        if not is_header_name(name):
            raise wrong("is no name of a header", allowed="letters, digits and hyphens", field=name[:100])
        if name.lower() in FRAMING:
            raise wrong("would break the transfer: it is the fetcher's own", field=name)
        if name.lower() in _ELSEWHERE:
            raise wrong(_ELSEWHERE[name.lower()], field=name)
        if name.lower() == "authorization" and isinstance(value, str):
            raise wrong("would be stored and shown", allowed=_AUTHORIZATION, field=name)
    return headers


def _check_cookies(cookies: dict[str, str | Secret]) -> dict[str, str | Secret]:
    for name, value in cookies.items():
        if not is_header_name(name) or (isinstance(value, str) and ";" in value):
            raise wrong("is no cookie", allowed="a name and a value without semicolon", field=name[:100])
    return cookies


def _check_body(body: JsonValue) -> JsonValue:
    for place, value in _objects(body, ()):
        try:
            read_reference(value)
        except PydanticCustomError as error:
            context = error.context or {}
            raise wrong(error.message(), allowed=context.get("allowed"), field=path(place)) from error
    if len(str(body)) > BODY_MOST:
        raise wrong(f"is longer than {BODY_MOST} characters")
    return body


def _objects(
    value: JsonValue, place: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], JsonValue]]:
    if isinstance(value, dict):
        yield place, value
        for name, part in value.items():
            yield from _objects(part, (*place, name))
    elif isinstance(value, list):
        for at, part in enumerate(value):
            yield from _objects(part, (*place, at))


class Asking(BaseModel):
    """What is sent to the source, and to no other origin: not after a redirect, not behind a link.

    `method` and `body` are those of the request for the source itself; headers, cookies and login go with each
    request to its origin. A `body` that is no text is sent as JSON.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["GET", "POST"] | None = Field(None, description="how the source is asked for")
    body: Annotated[JsonValue, AfterValidator(_check_body)] = Field(
        None, description="what is posted to the source: text, or a value that is sent as JSON"
    )
    headers: Annotated[dict[str, Text], Field(max_length=50), AfterValidator(_check_headers)] | None = Field(
        None, description="headers of requests to the source's origin"
    )
    cookies: Annotated[dict[str, Text], Field(max_length=50), AfterValidator(_check_cookies)] | None = Field(
        None, description="cookies of requests to the source's origin"
    )
    auth: Login | None = Field(None, description="the login at the source's origin, as basic authentication")

    @model_validator(mode="after")
    def _check_parts(self) -> Asking:
        if self.body is not None and self.method != "POST":
            raise wrong("has a place in a POST alone", allowed='method "POST"', field="body")
        names = {name.lower() for name in self.headers or ()}
        if len(names) < len(self.headers or ()):
            raise wrong("names a header twice", field="headers")
        if self.auth is not None and "authorization" in names:
            raise wrong("says what the header Authorization says, too", field="auth")
        return self

    @property
    def is_private(self) -> bool:
        """Whether anything is asked for in another way than a plain GET."""
        return any((self.method == "POST", self.headers, self.cookies, self.auth))
