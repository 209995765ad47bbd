"""A call is one HTTP request as a handler sees it: validated, or refused with every wrong field."""

from __future__ import annotations

from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel

from scrapr.model.errors import FieldError, Invalid, Malformed
from scrapr.model.role import ROLE_HEADER
from scrapr.model.validation import parse, read_json, refuse_repeated

M = TypeVar("M", bound=BaseModel)
PREFIX = "/v1"


class Call:
    """One request. `versioned` tells `/v1` from the thesis's bare paths, where answers have the thesis's shape."""

    def __init__(self, request: web.Request) -> None:
        self.request = request
        self.versioned = request.path.startswith(f"{PREFIX}/")

    @property
    def newer(self) -> bool:
        """Whether it may come from a later version of scrapr: another role's, in the middle of an upgrade."""
        return ROLE_HEADER in self.request.headers

    def place(self, name: str) -> str:
        """The part of the path called `name`."""
        return self.request.match_info[name]

    def query(self, kind: type[M]) -> M:
        """The query string as a `kind`, with each name given once. Raises `Invalid`."""
        if not self.newer:
            refuse_repeated(name for name, _ in self.request.query.items())
        return parse(kind, dict(self.request.query), newer=self.newer)

    def take_no_query(self) -> None:
        """Raise `Invalid` with every parameter in the query, of which the route knows none."""
        names = () if self.newer else dict.fromkeys(self.request.query)
        if names:
            raise Invalid(
                *(
                    FieldError(field=name[:100], problem="is not a known field", allowed="no parameters")
                    for name in names
                )
            )

    async def read(self) -> bytes:
        """The body; raises `Malformed`."""
        try:
            return await self.request.read()
        except web.RequestPayloadError as error:
            raise Malformed("The body is not in the Content-Encoding or Transfer-Encoding named") from error

    async def json(self) -> Any:
        """The body as JSON; raises `Malformed`."""
        return read_json(await self.read())

    async def body(self, kind: type[M]) -> M:
        """The body as a `kind`; raises `Malformed` or `Invalid`."""
        return parse(kind, await self.json(), newer=self.newer)
