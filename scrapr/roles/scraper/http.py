"""The scraper's routes."""

from __future__ import annotations

from typing import Annotated

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from scrapr.model.batch import Runs
from scrapr.model.configuration import ConfigurationId, Configurations
from scrapr.model.start import FORWARDED, Choice, Start, Started
from scrapr.roles.scraper.service import Service
from scrapr.roles.scraper.starts import Starts
from scrapr.roles.scraper.store import Store
from scrapr.web.call import Call
from scrapr.web.routes import Route, respond


class RunsQuery(BaseModel):
    """Which runs to tell."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    configuration: Annotated[ConfigurationId, Field(min_length=1)] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 20


def routes(service: Service, starts: Starts, store: Store) -> tuple[Route, ...]:
    """`/configurations`, `/scraper/start` and `/runs`."""

    async def configurations(call: Call) -> BaseModel | web.Response:
        told = Configurations(configurations=service.configurations)
        return told if call.versioned else _bare(list(told.configurations))

    async def look(call: Call) -> BaseModel | web.Response:
        await service.look()
        return await configurations(call)

    async def start_by_get(call: Call) -> web.Response:
        return await run(call, Start.model_validate(call.query(Choice).model_dump()))

    async def start_by_post(call: Call) -> web.Response:
        return await run(call, await call.body(Start))

    async def run(call: Call, start: Start) -> web.Response:
        started = await starts.start(start, forwarded=FORWARDED in call.request.headers)
        status = 202 if started.under_way else 200
        if call.versioned:
            return respond(started, status=status)
        return _bare([*started.runs, *started.under_way], status=status)

    async def runs(call: Call) -> Runs:
        query = call.query(RunsQuery)
        return Runs(runs=await store.load_runs(query.configuration, query.limit))

    return (
        Route("GET", "/configurations", configurations, "The claimed configurations", answer=Configurations),
        Route("PUT", "/configurations", look, "Look for configurations to claim now", answer=Configurations),
        Route(
            "GET",
            "/scraper/start",
            start_by_get,
            "Scrape now: a configuration, those of a collection, or all that are held here",
            query=Choice,
            answer=Started,
            later=Started,
            need="write",  # the thesis starts with GET; it makes requests to the web all the same
            refusals=(404,),
        ),
        Route(
            "POST",
            "/scraper/start",
            start_by_post,
            "Scrape now; with inputs, the items are in the answer",
            body=Start,
            answer=Started,
            later=Started,
            refusals=(404, 429),
        ),
        Route("GET", "/runs", runs, "Recent runs, newest first", query=RunsQuery, answer=Runs),
    )


def _bare(values: list[BaseModel], *, status: int = 200) -> web.Response:
    """The thesis's shape: the array alone."""
    body = orjson.dumps([value.model_dump(mode="json") for value in values])
    return web.Response(body=body, status=status, content_type="application/json")
