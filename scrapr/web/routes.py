"""A route says what it takes and gives; the server and the OpenAPI document are both made from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from aiohttp import web
from pydantic import BaseModel

from scrapr.web.access import READS, Need
from scrapr.web.call import Call

Handler: TypeAlias = Callable[[Call], Awaitable[BaseModel | web.StreamResponse | None]]


@dataclass(frozen=True)
class Route:
    """One method of one path, served under `/v1` and bare.

    A handler answers with a model (sent as JSON with `status`), None (204), or a response of its own.
    """

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    handle: Handler
    summary: str
    query: type[BaseModel] | None = None
    """What its query may ask for; None: nothing, and every parameter is refused."""
    body: type[BaseModel] | None = None
    answer: type[BaseModel] | None = None
    later: type[BaseModel] | None = None
    """What is answered with 202 where it takes longer."""
    parameters: tuple[Mapping[str, Any], ...] = ()
    """Parameters of the query, as OpenAPI tells them, that no model can name."""
    also: tuple[str, ...] = ()
    """Media types in which the answer is told, too, if asked for."""
    status: int = 200
    need: Need | None = None
    """What a caller must be allowed; None: to read or to write, as the method says."""
    refusals: tuple[int, ...] = ()
    """Statuses of the problems that this route answers with, beside 400, 422 and 503."""

    @property
    def needs(self) -> Need:
        """What a caller must be allowed."""
        return self.need or ("read" if self.method in READS else "write")

    @property
    def lenient(self) -> bool:
        """Whether parameters that it does not know pass: probes and browsers add theirs to health and the dashboard."""
        return self.needs == "nothing"


def respond(model: BaseModel, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """A JSON answer."""
    body = model.model_dump_json().encode()
    return web.Response(body=body, status=status, content_type="application/json", headers=headers)
