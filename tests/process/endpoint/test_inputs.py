"""Items for inputs in the query: asked of a real scraper, kept, and apart from the collection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest

import scrapr
from scrapr.discovery.directory import Directory
from scrapr.discovery.instance import Instance
from scrapr.discovery.redis import RedisRegistry
from scrapr.discovery.settings import DiscoverySettings
from scrapr.fetching.client import Client
from scrapr.model.claim import ClaimRequest
from scrapr.roles.scraper import role as scraper_role
from scrapr.roles.scraper.settings import ScraperSettings
from scrapr.runtime.loops import Loop
from tests.conftest import Until
from tests.process.endpoint.exploring import explore
from tests.process.endpoint.world import TOKEN, Endpoint, World
from tests.process.scraper.peers import POLITE_ENOUGH, Site


@dataclass
class Town:
    """A world with a site, a scraper, and an endpoint whose collection takes a city."""

    world: World
    site: Site
    endpoint: Endpoint


async def start_scraper(world: World, stack: AsyncExitStack, **settings: Any) -> None:
    discovery = DiscoverySettings(cache=0)
    directory = Directory(RedisRegistry(world.redis, discovery), discovery)
    built = await scraper_role.build(
        redis=world.redis,
        config=world.config,
        datasource=world.datasource,
        fetcher=await stack.enter_async_context(Client(POLITE_ENOUGH)),
        claim=ClaimRequest(container="scraper", type="scraper", slots=100),
        settings=ScraperSettings(jitter=0, finish=0.3, hand_over=0.3, **settings),
        directory=directory,
        token=TOKEN,
    )
    url = await world._run("scraper", built, Loop("discovery", directory.announce))
    directory.enter(Instance(role="scraper", container="scraper", url=url, version=scrapr.__version__))


@pytest.fixture
async def town(world: World, until: Until) -> AsyncIterator[Town]:
    site = Site()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(site.serving())
        await world.config.add(
            {
                "type": "scraper",
                "collection": "things",
                "scraper": {
                    "source": f"{site.url}/in/{{city}}",
                    "scope": "li.thing",
                    "selector": [{"title": "h3"}],
                },
                "inputs": {"city": {"type": "text", "allowed": ["rome", "oslo"], "description": "where"}},
            }
        )
        await start_scraper(world, stack)
        endpoint = await world.start_endpoint(input_wait=0.5)

        async def known() -> bool:
            return (await endpoint.get("/collections/things/items?input.city=nowhere")).status == 422

        await until(known)
        yield Town(world, site, endpoint)
        await world.stop("scraper")


async def test_items_for_inputs_are_answered_and_kept_apart_from_the_collection(town: Town) -> None:
    town.site.show("/in/rome", ["a", "b", "c"])
    bare = await town.endpoint.get("/collections/things/items?input.city=rome")
    assert (bare.status, bare.json) == (200, [{"title": "a"}, {"title": "b"}, {"title": "c"}])
    first = await town.endpoint.get("/v1/collections/things/items?input.city=rome&limit=2")
    assert first.headers["Age"].isdigit()
    assert [item["title"] for item in first.json["items"]] == ["a", "b"]
    assert (first.json["inputs"], first.json["total"], first.json["stale"]) == ({"city": "rome"}, 3, False)
    second = await town.endpoint.get(
        f"/v1/collections/things/items?input.city=rome&limit=2&cursor={first.json['next']}"
    )
    assert ([item["title"] for item in second.json["items"]], second.json["next"]) == (["c"], None)
    only = await town.endpoint.get("/items?input.city=rome")
    assert only.json == bare.json
    assert town.site.visits == ["/in/rome"]
    same = await town.endpoint.get("/items?input.city=rome", If_None_Match=only.headers["ETag"])
    assert same.status == 304
    assert (await town.endpoint.get("/collections/things/items")).json == []


async def test_what_takes_longer_is_waited_for_elsewhere(town: Town, until: Until) -> None:
    gate = asyncio.Event()
    town.site.block("/in/oslo", gate)
    answer = await town.endpoint.get("/v1/collections/things/items?input.city=oslo")
    assert answer.status == 202
    assert answer.headers["Retry-After"] == "1"
    assert (
        answer.headers["Location"] == "/v1/collections/things/items?input.city=oslo" == answer.json["items"]
    )
    gate.set()

    async def done() -> Any:
        found = await town.endpoint.get(answer.headers["Location"])
        return found if found.status == 200 else None

    found = await until(done)
    assert found.json["run"] == answer.json["run"]
    assert town.site.visits == ["/in/oslo"]


async def test_wrong_inputs_are_refused_by_the_names_in_the_query(town: Town) -> None:
    for query, field, allowed in (
        ("input.city=paris", "input.city", "rome, oslo"),
        ("input.town=rome", "input.town", "city"),
        ("input.city=rome&input.city=oslo", "input.city", "once"),
        ("input.city=rome&limit=0", "limit", None),
        ("input.city=rome&nothing=1", "nothing", "limit, cursor, input.*"),
        ("input.city=rome&limit=0&nothing=1", "nothing", "limit, cursor, input.*"),
        ("input.city=rome&sort=title", "sort", "limit, cursor, input.*"),
    ):
        answer = await town.endpoint.get(f"/v1/collections/things/items?{query}")
        assert answer.status == 422
        (fault,) = (each for each in answer.json["errors"] if each["field"] == field)
        assert allowed is None or fault["allowed"] == allowed
    only = await town.endpoint.get("/v1/items?input.city=rome&limt=1")
    assert [(each["problem"], each["allowed"]) for each in only.json["errors"]] == [
        ("is not a known field; did you mean limit?", "limit, cursor, collection, input.*")
    ]
    await town.world.add("plain")
    assert (await town.endpoint.get("/v1/collections/nothing/items?input.city=rome")).status == 404
    assert town.site.visits == []


async def test_what_openapi_says_of_inputs_holds_for_whatever_is_asked(town: Town) -> None:
    town.site.show("/in/rome", ["a", "b", "c"])
    town.site.show("/in/oslo", [])
    document = (await town.endpoint.get("/v1/collections/things/openapi.json")).json
    asked = document["paths"]["/v1/collections/things/items"]["get"]
    [city] = [each for each in asked["parameters"] if each["name"].startswith("input.")]
    assert (city["name"], city["required"]) == ("input.city", False)
    assert city["schema"] == {"type": "string", "enum": ["rome", "oslo"], "maxLength": 200}
    assert city["description"].startswith("where; ")
    assert {"Location", "Retry-After"} == asked["responses"]["202"]["headers"].keys()
    # All others but the limit are for the collection; with them most of what is asked would be refused.
    asked["parameters"] = [each for each in asked["parameters"] if each["name"] in {"limit", "input.city"}]
    await asyncio.to_thread(explore, document, town.endpoint.url)
    assert set(town.site.visits) == {"/in/rome", "/in/oslo"}


async def test_the_role_tells_in_openapi_that_inputs_may_be_given_and_waited_for(town: Town) -> None:
    paths = (await town.endpoint.get("/openapi.json")).json["paths"]
    for path in ("/v1/items", "/v1/collections/{collection}/items"):
        asked = paths[path]["get"]
        assert "input.*" in {each["name"] for each in asked["parameters"]}
        told = asked["responses"]["202"]["content"]["application/json"]["schema"]
        assert told == {"$ref": "#/components/schemas/Awaited"}


async def test_a_source_that_fails_and_a_scraper_that_is_away_are_unavailable(town: Town) -> None:
    town.site.fail("/in/rome", 500)
    failed = await town.endpoint.get("/v1/collections/things/items?input.city=rome")
    assert (failed.status, "Retry-After" in failed.headers) == (503, True)
    assert "500" in failed.json["detail"]


async def test_another_endpoint_passes_inputs_on(town: Town, until: Until) -> None:
    town.site.show("/in/rome", ["a"])
    other = await town.world.start_endpoint("other")

    async def passed() -> bool:
        answer = await other.get("/collections/things/items?input.city=rome")
        return answer.status == 200 and answer.json == [{"title": "a"}]

    await until(passed)
