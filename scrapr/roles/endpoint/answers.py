"""Answers about items: ready bytes where there are any, made from the mirror where there are not."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import Any

from aiohttp import web
from aiohttp.web_request import BaseRequest

from scrapr.model.errors import NotAcceptable, Unavailable
from scrapr.roles.endpoint import answer, declaring, demand, describing, encodings, query, spelling
from scrapr.roles.endpoint.answer import Answer
from scrapr.roles.endpoint.declarations import Declarations
from scrapr.roles.endpoint.declaring import Taken
from scrapr.roles.endpoint.demand import Demand
from scrapr.roles.endpoint.export import Export
from scrapr.roles.endpoint.formats import kinds
from scrapr.roles.endpoint.formats.kinds import Format
from scrapr.roles.endpoint.making import Asked, Maker
from scrapr.roles.endpoint.mirror import Mirror
from scrapr.roles.endpoint.mirrored import Mirrored
from scrapr.roles.endpoint.past import Past
from scrapr.roles.endpoint.query import Copy, Page, Shape
from scrapr.roles.endpoint.settings import EndpointSettings
from scrapr.web.ready import Ready

PLACES = 10_000
"""Targets that are kept at most: each may be written in many ways."""
TIMESTAMP = "timestamp"
"""What every item shows, its own or ours."""


class Answers:
    """Every answer comes from this process's memory; no other process is asked, but for a past that it lacks and
    for what configurations declare.

    `places` leads from requests' targets, as they were written, to the collections that they are about.
    """

    def __init__(
        self,
        mirror: Mirror,
        maker: Maker,
        past: Past,
        declarations: Declarations,
        places: dict[str, Mirrored],
        settings: EndpointSettings,
    ) -> None:
        self._mirror = mirror
        self._maker = maker
        self._past = past
        self._declarations = declarations
        self._places = places
        self._settings = settings

    def quick(self, request: BaseRequest) -> Ready | None:
        """The answer that is ready, if one is. While contact is lost the age is told, and nothing is quick."""
        mirrored = self._places.get(request.raw_path)
        if mirrored is None or not mirrored.live:
            return None
        headers = request.headers
        wanted = _wanted(headers.get("Accept", ""), headers.get("Accept-Encoding", ""))
        ready = mirrored.ready.get((request.raw_path, wanted, False))
        if ready is None:
            return None
        return ready.unchanged if answer.is_known(headers, ready.tag, ready.modified) else ready.full

    async def give(self, request: web.Request, mirrored: Mirrored, shape: Shape) -> web.StreamResponse:
        """The items that `request` asks for.

        Raises `Invalid`, `NotAcceptable`, or `Unavailable` for what was never seen.
        """
        await mirrored.arrive(self._settings.wait)
        chosen = kinds.choose(request.query.get("format"), request.headers.get("Accept", ""))
        wish = demand.read(list(request.query.items()), shape, chosen)
        if wish.at is not None:
            mirrored = await self._past.of(mirrored, wish.at)
        await self._check(mirrored, wish, request)
        age = mirrored.age
        asked = self._ask(request, mirrored, shape, chosen, wish, stale=age > self._settings.stale_after)
        made = self._recall(asked) or await self._make(asked)
        if isinstance(made, Export):
            return await made.send(request)
        headers = dict(made.headers)
        if not mirrored.live:
            headers["Age"] = str(int(age))
        if answer.is_known(request.headers, made.tag, made.modified):
            return web.Response(status=304, headers=answer.bodiless(headers))
        return web.Response(body=made.body, headers=headers)

    async def describe(self, mirrored: Mirrored) -> tuple[Copy, dict[str, Any]]:
        """The JSON Schema of the collection's items, and of which copy. Raises `Unavailable`."""
        await mirrored.arrive(self._settings.wait)
        copy = mirrored.copy
        if copy is None:
            raise Unavailable(f"The collection {mirrored.name!r} is being replaced")
        observed = await asyncio.to_thread(self._mirror.schema, copy.table)
        declared = await self._declarations.of(mirrored.name)
        return copy, describing.schema(mirrored.name, copy, declaring.overlay(observed, declared.fields))

    async def inputs(self, mirrored: Mirrored) -> Taken:
        """The inputs that the collection's configurations take, as each declares them."""
        return (await self._declarations.of(mirrored.name)).inputs

    async def _check(self, mirrored: Mirrored, wish: Demand, request: web.Request) -> None:
        """Raise `Invalid` where fields are named that no item had, and no configuration declares."""
        had = self._mirror.fields(mirrored.copy.table) if mirrored.copy else ()
        known = {*had, TIMESTAMP}
        if had and not wish.selection.names <= known:
            declared = await self._declarations.of(mirrored.name)
            spelling.check(wish.selection, known.union(declared.fields), parameters=request.query)

    def _ask(
        self,
        request: web.Request,
        mirrored: Mirrored,
        shape: Shape,
        chosen: Format,
        wish: Demand,
        *,
        stale: bool,
    ) -> Asked:
        wanted = _wanted(request.headers.get("Accept", ""), request.headers.get("Accept-Encoding", ""))
        return Asked(request, mirrored, shape, chosen, wanted[1], wish, (request.raw_path, wanted, stale))

    async def _make(self, asked: Asked) -> Answer | Export:
        mirrored = asked.mirrored
        if not asked.demand.first:
            return self._known(asked) or await self._maker.make(asked)
        async with mirrored.making:
            # Of many who ask at once for what is not ready, one makes it. What is right now belongs to `ready` as
            # it is now: a change meanwhile puts another one in its place.
            ready = mirrored.ready
            if asked.key not in ready:
                made = await self._maker.make(asked)
                if (
                    isinstance(made, Export)
                    or len(ready) >= self._settings.ready
                    or not self._maker.is_for_all(asked)
                ):
                    return made
                ready[asked.key] = made
            return self._recall(asked) or ready[asked.key]

    def _recall(self, asked: Asked) -> Answer | None:
        """The answer that is ready, which the next one who asks alike is given at once."""
        ready = asked.mirrored.ready.get(asked.key)
        if ready is not None:
            if len(self._places) >= PLACES:
                self._places.clear()
            self._places[asked.request.raw_path] = asked.mirrored
        return ready

    def _known(self, asked: Asked) -> Answer | None:
        """The answer without its body, if the client has that; it need not even be looked for."""
        copy = asked.mirrored.copy
        if copy is None:
            return None
        tag = query.tag(copy, asked.format.name, stale=asked.stale)
        modified = asked.mirrored.modified
        if not answer.is_known(asked.request.headers, tag, modified):
            return None
        return self._maker.tell(asked, Page(copy, (), None, None))


@lru_cache(maxsize=512)
def _wanted(accept: str, accept_encoding: str) -> tuple[str, str]:
    """The format, if any of ours fits, and the encoding that a request's headers want."""
    try:
        name = kinds.accepted(accept).name
    except NotAcceptable:
        name = ""
    return name, encodings.choose(accept_encoding)
