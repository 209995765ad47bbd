"""The endpoint's routes: the public API."""

from __future__ import annotations

from typing import Annotated, NoReturn

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field
from yarl import URL

from scrapr.model.change import VERSION_MOST, Changes
from scrapr.model.collection import NAME, near
from scrapr.model.configuration import Configurations
from scrapr.model.errors import Conflict, FieldError, NotFound, Unavailable
from scrapr.roles.endpoint import asking, describing, query, stream
from scrapr.roles.endpoint.answers import Answers
from scrapr.roles.endpoint.formats import kinds
from scrapr.roles.endpoint.found import AnyItems, Awaited
from scrapr.roles.endpoint.given import given
from scrapr.roles.endpoint.inputs import Inputs
from scrapr.roles.endpoint.mirrored import Mirrored
from scrapr.roles.endpoint.peers import FORWARDED, Peers
from scrapr.roles.endpoint.query import Shape, Shapes
from scrapr.roles.endpoint.served import Served, ServedCollections
from scrapr.roles.endpoint.service import Service
from scrapr.roles.endpoint.settings import EndpointSettings
from scrapr.roles.endpoint.stream import Streams
from scrapr.web.call import PREFIX, Call
from scrapr.web.routes import Route

DOCUMENTS = tuple(each.media_type for each in kinds.ALL if each is not kinds.JSON)


class ChangesQuery(BaseModel):
    """Which stretch of a collection's changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    since: Annotated[int, Field(ge=0, le=VERSION_MOST, description="the version that the caller has")] = 0
    limit: Annotated[int, Field(ge=1, le=1000, description="how many at most")] = 100


def routes(
    service: Service,
    answers: Answers,
    inputs: Inputs,
    peers: Peers,
    streams: Streams,
    settings: EndpointSettings,
) -> tuple[Route, ...]:
    """All routes of the role."""
    shapes = query.shapes(settings)
    readers = _Readers(service, answers, inputs, peers, streams, shapes, settings)
    return (
        Route(
            "GET",
            "/items",
            readers.only_items,
            "The items of the only collection, or of the one in the query; ?input.{name}= chooses inputs",
            query=shapes.only[1].wish,
            answer=AnyItems,
            later=Awaited,
            parameters=(asking.ANY,),
            also=DOCUMENTS,
            refusals=(404, 406, 410, 429),
        ),
        Route(
            "GET",
            "/collections",
            readers.collections,
            "What is served here and by peers",
            answer=ServedCollections,
        ),
        Route(
            "GET",
            "/collections/{collection}/items",
            readers.items,
            "A collection's items, page by page, in the order of their creation; ?input.{name}= chooses inputs",
            query=shapes.items[1].wish,
            answer=AnyItems,
            later=Awaited,
            parameters=(asking.ANY,),
            also=DOCUMENTS,
            refusals=(404, 406, 410, 429),
        ),
        Route(
            "GET",
            "/collections/{collection}/changes",
            readers.changes,
            "A collection's changes after a version; with `Accept: text/event-stream` all that come, as they come",
            query=ChangesQuery,
            answer=Changes,
            refusals=(404, 409, 410),
        ),
        Route(
            "GET",
            "/collections/{collection}/schema",
            readers.schema,
            "The JSON Schema (2020-12) of a collection's items, as observed and declared",
            refusals=(404,),
        ),
        Route(
            "GET",
            "/collections/{collection}/openapi.json",
            readers.openapi,
            "The OpenAPI document of one collection",
            refusals=(404,),
        ),
        Route("GET", "/configurations", readers.configurations, "What is claimed", answer=Configurations),
    )


class _Readers:
    def __init__(
        self,
        service: Service,
        answers: Answers,
        inputs: Inputs,
        peers: Peers,
        streams: Streams,
        shapes: Shapes,
        settings: EndpointSettings,
    ) -> None:
        self._service = service
        self._answers = answers
        self._inputs = inputs
        self._peers = peers
        self._streams = streams
        self._shapes = shapes
        self._stale_after = settings.stale_after
        self._public_url = settings.url

    async def items(self, call: Call) -> web.StreamResponse:
        """The items of a collection, whoever serves it."""
        return await self._give(call, call.place("collection"), self._shapes.items[call.versioned])

    async def only_items(self, call: Call) -> web.StreamResponse:
        """The items of the only collection, or of the one that the query names."""
        name = call.request.query.get("collection") or await self._only()
        return await self._give(call, name, self._shapes.only[call.versioned])

    async def _give(self, call: Call, name: str, shape: Shape) -> web.StreamResponse:
        mirrored = self._service.collections.get(name) or await self._find(call, name, "items")
        if not isinstance(mirrored, Mirrored):
            return mirrored
        if given(call.request.query):
            return await self._inputs.give(call, name, shape)
        return await self._answers.give(call.request, mirrored, shape)

    async def changes(self, call: Call) -> Changes | web.StreamResponse:
        """The changes of a collection; they are the datasource's, and asked of it, or told as they come."""
        if stream.is_wanted(call.request):
            try:
                return await self._stream(call)
            except Unavailable as error:
                return self._streams.postpone(call, error)
        name, wish = call.place("collection"), call.query(ChangesQuery)
        if name not in self._service.collections:
            found = await self._find(call, name, "changes")
            if not isinstance(found, Mirrored):
                return found
        try:
            told = await self._service.datasource.changes(name, since=wish.since, limit=wish.limit)
        except NotFound:
            # Its endpoint is here and nothing was reduced into it yet.
            told = Changes(collection=name, since=wish.since, version=0, latest=0, changes=())
        if wish.since > told.latest:
            raise Conflict(
                f"{name} is at version {told.latest}, not yet at {wish.since}: it began anew, or the version is "
                "another collection's. Read its items, and go on from their version",
                fields=(FieldError(field="since", problem="is ahead", allowed=f"0 to {told.latest}"),),
            )
        return told

    async def schema(self, call: Call) -> web.StreamResponse:
        """What the items of a collection are like."""
        mirrored = await self._here_or_there(call, "schema")
        if not isinstance(mirrored, Mirrored):
            return mirrored
        copy, schema = await self._answers.describe(mirrored)
        body = orjson.dumps(schema)
        headers = {"X-Collection-Version": str(copy.version)}
        return web.Response(body=body, content_type="application/schema+json", headers=headers)

    async def openapi(self, call: Call) -> web.StreamResponse:
        """How a collection may be asked for its items."""
        mirrored = await self._here_or_there(call, "openapi.json")
        if not isinstance(mirrored, Mirrored):
            return mirrored
        copy, schema = await self._answers.describe(mirrored)
        server = self._public_url or str(call.request.url.origin())
        page = self._shapes.items[1].wish
        inputs = await self._answers.inputs(mirrored)
        document = describing.openapi(
            mirrored.name, schema, page, inputs, version=copy.version, server=server
        )
        return web.Response(body=orjson.dumps(document), content_type="application/json")

    async def _here_or_there(self, call: Call, what: str) -> Mirrored | web.StreamResponse:
        name = call.place("collection")
        return self._service.collections.get(name) or await self._find(call, name, what)

    async def _stream(self, call: Call) -> web.StreamResponse:
        name = call.place("collection")
        found = self._service.collections.get(name) or await self._find(call, name, "changes")
        return await self._streams.give(call, found) if isinstance(found, Mirrored) else found

    async def collections(self, call: Call) -> ServedCollections:
        """What is served here and by peers."""
        prefix = PREFIX if call.versioned else ""
        served = {
            name: Served(name=name, items=f"{prefix}/collections/{name}/items", here=False, url=peer.url)
            for peer in await self._peers.instances()
            for name in peer.serves
        }
        served |= {name: self._here(prefix, each) for name, each in self._service.collections.items()}
        return ServedCollections(collections=tuple(served[name] for name in sorted(served)))

    async def configurations(self, call: Call) -> Configurations | web.Response:
        """What is claimed; without a version in the path as the bare array of the thesis."""
        told = Configurations(configurations=self._service.configurations)
        if call.versioned:
            return told
        body = orjson.dumps([each.model_dump(mode="json") for each in told.configurations])
        return web.Response(body=body, content_type="application/json")

    def _here(self, prefix: str, mirrored: Mirrored) -> Served:
        copy = mirrored.copy
        return Served(
            name=mirrored.name,
            items=f"{prefix}/collections/{mirrored.name}/items",
            here=True,
            version=copy and copy.version,
            records=copy and copy.total,
            stale=mirrored.age > self._stale_after,
            last_success_at=query.moment(mirrored.confirmed_at) if mirrored.confirmed_at else None,
        )

    async def _find(self, call: Call, name: str, what: str) -> Mirrored | web.StreamResponse:
        """A collection that is not served here: a peer's answer, or what is claimed within a moment."""
        if FORWARDED not in call.request.headers and NAME.fullmatch(name):
            if (answer := await self._ask_peers(call, name, what)) is not None:
                return answer
            if mirrored := await self._service.arrival(name):
                return mirrored
        return await self._refuse(name)

    async def _ask_peers(self, call: Call, name: str, what: str) -> web.StreamResponse | None:
        peers = await self._peers.serving(name)
        path = f"{PREFIX if call.versioned else ''}/collections/{name}/{what}"
        target = URL.build(path=path, query=_without_collection(call))
        if peers and what == "changes" and stream.is_wanted(call.request):
            with self._streams.seat():
                return await self._peers.forward(call.request, peers, target, lasting=True)
        return await self._peers.forward(call.request, peers, target)

    async def _refuse(self, name: str) -> NoReturn:
        meant = near(name, await self._names())
        hint = f"; did you mean {', '.join(meant)}?" if meant else ""
        raise NotFound(f"There is no collection {name[:100]!r}{hint}")

    async def _names(self) -> set[str]:
        return {
            *self._service.collections,
            *(name for peer in await self._peers.instances() for name in peer.serves),
        }

    async def _only(self) -> str:
        """The name of the only collection: the only one here, or if there is none here the only one of all peers."""
        names = self._service.collections or await self._names()
        if len(names) == 1:
            return next(iter(names))
        if not names:
            raise NotFound("No collection is served yet; post a configuration to the config role")
        listed = ", ".join(f"/collections/{name}/items" for name in sorted(names))
        raise NotFound(
            f"There are {len(names)} collections; choose one with ?collection= or by its path: {listed}",
            fields=(FieldError(field="collection", problem="is missing", allowed=", ".join(sorted(names))),),
        )


def _without_collection(call: Call) -> list[tuple[str, str]]:
    return [(name, value) for name, value in call.request.query.items() if name != "collection"]
