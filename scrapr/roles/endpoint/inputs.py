"""Items for inputs in the query, `?input.city=berlin`: a scraper finds them, or has kept them."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from aiohttp import web

from scrapr.client.scraper import ScraperClient
from scrapr.model import times
from scrapr.model.errors import Invalid, NotFound, Unavailable
from scrapr.model.result import Result
from scrapr.model.start import Start, Started
from scrapr.model.validation import refuse_repeated
from scrapr.roles.endpoint import query
from scrapr.roles.endpoint.answer import is_known
from scrapr.roles.endpoint.found import Awaited, FoundItems
from scrapr.roles.endpoint.given import PREFIX, given, read
from scrapr.roles.endpoint.query import Shape
from scrapr.roles.endpoint.settings import EndpointSettings
from scrapr.web.call import Call
from scrapr.web.routes import respond

AGAIN = 1
"""Seconds after which to ask again for what is not found yet."""
MARGIN = 2.0
"""Seconds beyond the wait after which the scraper counts as away."""


class Inputs:
    """Asks a scraper for what is not in any collection."""

    def __init__(self, scrapers: ScraperClient, settings: EndpointSettings, *, private: bool) -> None:
        self._scrapers = scrapers
        self._private = private
        self._settings = settings

    async def give(self, call: Call, collection: str, shape: Shape) -> web.Response:
        """The items for the inputs in the query, or 202 and where to ask for them soon.

        Raises `Invalid` with every wrong input, `TooMany`, and `Unavailable`.
        """
        asked = dict(call.request.query)
        refuse_repeated(name for name, _ in call.request.query.items())
        wish = read(asked, shape)
        started = await self._ask(collection, given(asked))
        if started.results:
            result = started.results[0]
            if result.run.outcome == "failed":
                raise Unavailable(f"The source could not be scraped for these inputs: {result.error}")
            first = 0 if wish.cursor is None else wish.cursor
            end = len(result.items) if wish.limit is None else first + wish.limit
            return self._answer(call, collection, result, first, end)
        place = str(call.request.rel_url)
        told = Awaited(collection=collection, run=started.under_way[0].run, items=place)
        return respond(told, status=202, headers={"Location": place, "Retry-After": str(AGAIN)})

    async def _ask(self, collection: str, inputs: dict[str, Any]) -> Started:
        wait = self._settings.input_wait
        try:
            async with asyncio.timeout(wait + MARGIN):
                return await self._scrapers.start(Start(collection=collection, inputs=inputs, wait=wait))
        except Invalid as error:
            raise Invalid(
                *(
                    fault.model_copy(update={"field": fault.field.replace("inputs.", PREFIX, 1)})
                    for fault in error.fields
                )
            ) from error
        except (NotFound, TimeoutError) as error:
            raise Unavailable(f"No scraper finds items of {collection!r} for inputs now") from error

    def _answer(self, call: Call, collection: str, result: Result, first: int, end: int) -> web.Response:
        age = (times.now() - result.run.finished_at).total_seconds()
        tag = f"{result.run.run}{'-s' if result.stale else ''}"
        following = query.write_cursor(end) if end < len(result.items) else None
        headers = {
            "ETag": f'W/"{tag}"',
            "Cache-Control": query.cache_control(
                0, most=min(1, self._settings.cache_most), shared=not self._private
            ),
            "Age": str(max(0, int(age))),
            "X-Scrapr-Stale": "true" if result.stale else "false",
        }
        if following is not None:
            headers["Link"] = f'<{call.request.rel_url.update_query(cursor=following)}>; rel="next"'
        if is_known(call.request.headers, tag, None):
            return web.Response(status=304, headers=headers)
        items = result.items[first:end]
        if not call.versioned:
            return web.Response(body=orjson.dumps(items), headers=headers, content_type="application/json")
        told = FoundItems(
            collection=collection,
            inputs=result.inputs,
            run=result.run.run,
            outcome=result.run.outcome,
            items=items,
            total=len(result.items),
            next=following,
            stale=result.stale,
            error=result.error,
            last_success_at=result.run.finished_at,
        )
        return respond(told, headers=headers)
