"""What an endpoint answers about a collection."""

from __future__ import annotations

import re

from tests.conftest import Until
from tests.process.endpoint.world import World

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


async def test_a_collection_just_configured_is_an_empty_list(world: World) -> None:
    endpoint = await world.start_endpoint()
    await world.add("restaurants")
    answer = await endpoint.get("/collections/restaurants/items")
    assert (answer.status, answer.json) == (200, [])
    assert answer.headers["X-Collection-Version"] == "0"


async def test_items_are_answered_in_the_shape_of_the_thesis(world: World, until: Until) -> None:
    endpoint = await world.start_endpoint()
    await world.add("restaurants")
    await world.send("restaurants", "Mesón Chuchi", item="Ctra de Vitoria, 2 26360 Fuenmayor")
    await until(lambda: endpoint.titles("restaurants"))
    answer = await endpoint.get("/items")
    [item] = answer.json
    assert list(item) == ["title", "items", "timestamp"]
    assert (item["title"], item["items"]) == ("Mesón Chuchi", ["Ctra de Vitoria, 2 26360 Fuenmayor"])
    assert TIME.fullmatch(item["timestamp"])
    home = await endpoint.get("/")
    assert (home.status, home.headers["Location"]) == (302, "/items")
