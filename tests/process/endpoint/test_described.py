"""What a collection says of itself, held against what it answers; and the collection as it was."""

from __future__ import annotations

import asyncio

import jsonschema_rs
import pytest

from tests.conftest import Until
from tests.process.endpoint.exploring import explore
from tests.process.endpoint.world import Endpoint, World

ODD = {"price": 2, "note": None, "size": {"w": 1.5, "names": ["a"]}, "odd[x]": 1, "limit": 3}


@pytest.fixture
async def endpoint(world: World, until: Until) -> Endpoint:
    """An endpoint whose collection has four items of different kinds."""
    endpoint = await world.start_endpoint(check=3600, wait=30)
    await world.add("letters")
    await world.send("letters", "a", price=1, item="one")
    await world.send("letters", "b", "c", **ODD)
    await world.send("letters", "d", price=1.5, note="x")
    await until(lambda: _is_at(endpoint, 4))
    return endpoint


async def _is_at(endpoint: Endpoint, version: int) -> bool:
    return bool((await endpoint.page("letters"))["version"] == version)


async def test_each_item_fits_the_schema_that_was_observed(endpoint: Endpoint) -> None:
    told = await endpoint.get("/v1/collections/letters/schema")
    assert told.headers["Content-Type"].startswith("application/schema+json")
    schema = told.json
    jsonschema_rs.meta.validate(schema)
    fits = jsonschema_rs.validator_for(schema)
    items = (await endpoint.page("letters"))["items"]
    assert all(fits.is_valid(item) for item in items)
    assert schema["required"] == ["price", "timestamp", "title"]
    assert schema["properties"]["price"] == {"type": "number"}
    assert schema["properties"]["note"] == {"type": ["null", "string"]}
    assert schema["properties"]["items"] == {"type": "array", "items": {"type": "string"}}
    assert not fits.is_valid({**items[0], "price": "cheap"})
    assert (await endpoint.get("/v1/collections/leters/schema")).status == 404


async def test_what_all_configurations_of_a_collection_declare_is_in_its_schema(
    endpoint: Endpoint, world: World
) -> None:
    price = {"type": "number", "minimum": 0, "description": "in euros"}
    await world.declare("letters", price=price, seats={"type": "integer", "required": True})
    schema = (await endpoint.get("/v1/collections/letters/schema")).json
    jsonschema_rs.meta.validate(schema)
    fits = jsonschema_rs.validator_for(schema)
    assert all(fits.is_valid(item) for item in (await endpoint.page("letters"))["items"])
    assert schema["properties"]["price"] == {
        "anyOf": [{"type": "number", "minimum": 0}, {"enum": [None, "", [], {}]}],
        "description": "in euros",
    }
    assert schema["properties"]["seats"] == {"type": "integer"}
    assert schema["properties"]["note"] == {"type": ["null", "string"]}


async def test_a_field_that_is_declared_may_be_asked_for_before_any_item_had_it(
    endpoint: Endpoint, world: World, until: Until
) -> None:
    async def answers(status: int) -> bool:
        return (await endpoint.get("/v1/collections/letters/items?fields=title,seats")).status == status

    await world.declare("other", seats={"type": "integer"})
    assert await answers(422)
    await world.declare("letters", seats={"type": "integer"})
    await until(lambda: answers(200))


async def test_what_openapi_says_of_a_collection_holds_for_whatever_is_asked(endpoint: Endpoint) -> None:
    document = (await endpoint.get("/v1/collections/letters/openapi.json")).json
    names = {each["name"] for each in document["paths"]["/v1/collections/letters/items"]["get"]["parameters"]}
    assert {
        "q",
        "at",
        "price",
        "price[lte]",
        "title[contains]",
        "limit",
        "limit[eq]",
        "note[exists]",
    } <= names
    await asyncio.to_thread(explore, document, endpoint.url)


async def test_what_openapi_says_of_the_role_holds_for_whatever_is_asked(endpoint: Endpoint) -> None:
    document = (await endpoint.get("/openapi.json")).json
    paths = {path: document["paths"][path] for path in ("/v1/items", "/v1/collections/{collection}/changes")}
    parameters = paths["/v1/items"]["get"]["parameters"]
    [inputs] = [each for each in parameters if each["name"] == "input.*"]
    parameters.remove(inputs)  # who asks for them needs a scraper
    await asyncio.to_thread(explore, {**document, "paths": paths}, endpoint.url)


async def test_a_collection_is_told_as_it_was_at_a_version_or_a_time(
    world: World, endpoint: Endpoint, until: Until
) -> None:
    before = await endpoint.get("/v1/items")
    await world.send("letters", "d", price=9)
    await world.scrape("letters", "a", "d", "e")
    await until(lambda: _is_newer(endpoint, 6))
    then = await endpoint.page("letters", "?at=4")
    assert then["items"] == before.json["items"]
    assert (then["version"], then["total"]) == (4, 4)
    sorted_then = await endpoint.page("letters", "?at=4&sort=-price&fields=title&limit=2")
    assert sorted_then["items"] == [{"title": "c"}, {"title": "b"}]
    assert [each["title"] for each in (await endpoint.page("letters", "?at=1"))["items"]] == ["a"]
    found = await endpoint.page("letters", "?at=4&q=one")
    assert [each["title"] for each in found["items"]] == ["a"]
    csv = await endpoint.get("/v1/items?at=4&format=csv&fields=title")
    assert csv.body.split() == [b"title", b"a", b"b", b"c", b"d"]
    time = before.json["items"][-1]["timestamp"]
    assert (await endpoint.page("letters", f"?at={time}"))["items"] == before.json["items"]
    known = await endpoint.get(
        "/v1/items?at=4", If_None_Match=(await endpoint.get("/v1/items?at=4")).headers["ETag"]
    )
    assert known.status == 304
    assert (await endpoint.get("/v1/items?at=400")).status == 422
    assert (await endpoint.get("/v1/items?at=soon")).json["errors"][0]["field"] == "at"


async def test_a_collection_that_was_always_empty_was_so_at_any_time(
    world: World, endpoint: Endpoint, until: Until
) -> None:
    await world.add("numbers")
    await endpoint.page("numbers")
    for at in ("0", "2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z"):
        page = await endpoint.page("numbers", f"?at={at}")
        assert (page["version"], page["items"]) == (0, [])
    ahead = await endpoint.get("/v1/collections/numbers/items?at=1")
    assert (ahead.status, ahead.json["errors"][0]["field"]) == (422, "at")


async def test_what_a_collection_was_is_forgotten_when_it_is_dropped(
    world: World, endpoint: Endpoint, until: Until
) -> None:
    for at in ("?at=3", "?at=3", "?at=2&sort=title"):
        assert (await endpoint.page("letters", at))["total"] == int(at[4])
    await world.datasource.drop("letters", force=True)
    await until(lambda: _is_at(endpoint, 0))
    await world.send("letters", "x", "y")
    await until(lambda: _is_at(endpoint, 7))
    role, own = "/openapi.json", "/v1/collections/letters/openapi.json"
    for told, at, path in (
        (role, "?at=3", "/v1/collections/{collection}/items"),
        (own, "?at=2&sort=title", ""),
    ):
        assert (await endpoint.get(f"/v1/collections/letters/items{at}")).status == 410
        paths = (await endpoint.get(told)).json["paths"]
        assert "410" in paths[path or "/v1/collections/letters/items"]["get"]["responses"]
    assert (await endpoint.get("/v1/collections/letters/changes?since=1")).status == 410
    assert [each["title"] for each in (await endpoint.page("letters", "?at=6"))["items"]] == ["x"]


async def _is_newer(endpoint: Endpoint, version: int) -> bool:
    return bool((await endpoint.page("letters"))["version"] > version)


async def test_who_is_ahead_of_a_collection_is_told_so(endpoint: Endpoint) -> None:
    ahead = await endpoint.get("/v1/collections/letters/changes?since=500")
    assert ahead.status == 409
    assert "at version 4" in ahead.json["detail"]
    assert (await endpoint.get("/v1/collections/letters/changes?since=4")).json["changes"] == []
