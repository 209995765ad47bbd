"""What a configuration sends with the requests to its source, with the values of its secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
from pydantic import SecretStr
from yarl import URL

from scrapr.fetching.errors import FetchRefused
from scrapr.fetching.page import Request, Text, Validators, shown
from scrapr.fetching.settings import FetchSettings
from scrapr.fetching.target import parse_target
from scrapr.model.asking import Asking, Secret, read_reference

SECRET_MOST = 65_536
"""Bytes of a secret's file."""


def complete(request: Request, settings: FetchSettings) -> Request:
    """The request with what its options add to it if it goes to the origin of its source.

    Raises `FetchRefused` ("refused-url", "refused-request": a secret that is not there).
    """
    asking = request.options
    if asking is None or request.source is None or not asking.is_private:
        return request
    url, source = parse_target(request.url), parse_target(request.source)
    if url.origin() != source.origin():
        return request
    chest = Chest(settings.secrets, source)
    added = {name: chest.open(value) for name, value in (asking.headers or {}).items()}
    cookies = {name: chest.open(value) for name, value in (asking.cookies or {}).items()}
    request = replace(
        request,
        headers=_joined(added, request.headers),
        cookies={**cookies, **request.cookies},
        auth=request.auth or _login(asking, chest),
    )
    return _posted(request, asking, chest) if url == source and asking.method == "POST" else request


def _joined(added: Mapping[str, Text], own: Mapping[str, Text]) -> dict[str, Text]:
    named = {name.lower() for name in own}
    return {name: value for name, value in added.items() if name.lower() not in named} | dict(own)


def _login(asking: Asking, chest: Chest) -> tuple[str, Text] | None:
    if asking.auth is None:
        return None
    user = chest.open(asking.auth.user)
    return user.get_secret_value() if isinstance(user, SecretStr) else user, chest.open(asking.auth.password)


def _posted(request: Request, asking: Asking, chest: Chest) -> Request:
    if request.validators is not None:  # a POST has no condition on what is known; what comes may be the same
        request = replace(request, validators=Validators(body_hash=request.validators.body_hash))
    body = chest.fill(asking.body)
    if isinstance(body, str):
        return replace(request, method="POST", body=body.encode())
    headers = _joined({"Content-Type": "application/json"}, request.headers)
    return replace(request, method="POST", body=None if body is None else orjson.dumps(body), headers=headers)


@dataclass(frozen=True)
class Chest:
    """The secrets for one host: files in the folder that has its name.

    Whoever may write configurations can have a secret sent to the host that it is for, and to no other.
    """

    folder: Path
    url: URL

    def open(self, value: str | Secret) -> Text:
        """The value itself, or that of the secret; raises `FetchRefused`."""
        return value if isinstance(value, str) else SecretStr(self._read(value.name))

    def fill(self, value: Any) -> Any:
        """A JSON value with each reference replaced by its secret."""
        if (secret := read_reference(value)) is not None:
            return self._read(secret.name)
        if isinstance(value, dict):
            return {name: self.fill(part) for name, part in value.items()}
        return [self.fill(part) for part in value] if isinstance(value, list) else value

    def _read(self, name: str) -> str:
        try:
            with (self.folder / str(self.url.raw_host) / name).open("rb") as file:
                content = file.read(SECRET_MOST + 1)
        except OSError as error:
            raise self._refuse(name, "is not there or cannot be read") from error
        if len(content) > SECRET_MOST:
            raise self._refuse(name, f"is longer than {SECRET_MOST} bytes")
        try:
            return content.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            # Not the cause: it holds what it cannot decode.
            raise self._refuse(name, "is no text in UTF-8") from None

    def _refuse(self, name: str, problem: str) -> FetchRefused:
        where = f"{self.url.raw_host}/{name}"
        return FetchRefused("refused-request", f"the secret {where} {problem}", url=shown(self.url))
