"""Endpoints answer for each other."""

from __future__ import annotations

import asyncio

from scrapr.discovery.instance import Instance
from scrapr.discovery.redis import RedisRegistry
from scrapr.discovery.settings import DiscoverySettings
from tests.conftest import Until
from tests.process.endpoint.world import Endpoint, World


async def test_a_request_is_passed_on_to_the_endpoint_that_serves_the_collection(
    world: World, until: Until
) -> None:
    one = await world.start_endpoint("one", slots=1)
    await world.add("letters")
    await until(lambda: _lists(one, "letters"))
    two = await world.start_endpoint("two", slots=1)
    await world.add("numbers")
    await until(lambda: _lists(one, "letters", "numbers"))
    await until(lambda: _lists(two, "letters", "numbers"))
    await world.send("letters", "a", "b")
    await until(lambda: _holds(one, "a", "b"))
    bare, paged = "/collections/letters/items", "/v1/collections/letters/items?limit=1"
    for path in (bare, paged, f"{paged}&title[ne]=a&title[ne]=z"):
        here, there = await one.get(path), await two.get(path)
        assert (there.status, there.body) == (200, here.body)
        for name in ("ETag", "X-Collection-Version", "Cache-Control", "Content-Type", "Content-Length"):
            assert there.headers[name] == here.headers[name]
        known = await two.get(path, If_None_Match=here.headers["ETag"])
        assert (known.status, known.body) == (304, b"")
    assert (await two.get("/v1/items?collection=letters")).json["collection"] == "letters"
    assert (await two.get("/v1/items")).json["collection"] == "numbers"
    assert (await two.get("/v1/collections/letters/changes")).json["latest"] == 2
    wrong = await two.get("/v1/collections/letters/items?limit=0")
    assert (wrong.status, wrong.json["errors"][0]["field"]) == (422, "limit")


async def test_near_names_are_those_of_peers_too(world: World, until: Until) -> None:
    one = await world.start_endpoint("one", slots=1)
    await world.add("letters")
    await until(lambda: _lists(one, "letters"))
    two = await world.start_endpoint("two", slots=1)
    await until(lambda: _lists(two, "letters"))
    answer = await two.get("/collections/lettres/items")
    assert (answer.status, "letters" in answer.json["detail"]) == (404, True)
    # With nothing of its own, the only collection is the only one of all.
    assert (await two.get("/v1/items")).json["collection"] == "letters"


async def test_a_request_is_passed_on_once(world: World, until: Until) -> None:
    one = await world.start_endpoint("one", slots=1)
    await world.add("letters")
    await until(lambda: _lists(one, "letters"))
    two = await world.start_endpoint("two", slots=1)
    await until(lambda: _lists(two, "letters"))
    assert (await two.get("/collections/letters/items", X_Scrapr_Forwarded="three")).status == 404


async def test_a_peer_that_does_not_answer_is_unavailable_and_its_claims_come_over(
    world: World, until: Until
) -> None:
    one = await world.start_endpoint("one", slots=1)
    await world.add("letters")
    await world.send("letters", "a")
    await until(lambda: _holds(one, "a"))
    two = await world.start_endpoint("two", slots=1, wait=0.1)
    await until(lambda: _lists(two, "letters"))
    await world.stop("one")
    await until(lambda: _holds(two, "a"))
    [listed] = (await two.get("/collections")).json["collections"]
    assert listed["here"]


async def test_whoever_is_said_to_serve_a_collection_and_does_not_is_passed_over(
    world: World, until: Until
) -> None:
    """As one that was given the address of one that died, while that is still listed."""
    one = await world.start_endpoint("one", slots=1)
    await world.add("letters")
    await world.send("letters", "a")
    await until(lambda: _holds(one, "a"))
    two = await world.start_endpoint("two", slots=1)
    three = await world.start_endpoint("three", slots=1)
    registry = RedisRegistry(world.redis, DiscoverySettings())
    dead = Instance(role="endpoint", container="dead", url=three.url, version="1", serves=("letters",))
    await registry.announce(dead)
    assert [each.container for each in await registry.find("endpoint") if each.serves] == ["dead", "one"]
    for path in ("/v1/collections/letters/items", "/v1/collections/letters/changes"):
        assert (await two.get(path)).status == 200


async def test_a_peer_that_dies_while_it_answers_costs_nothing(world: World, until: Until) -> None:
    async def begin_and_die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 239\r\n\r\n")
        writer.close()

    one = await world.start_endpoint("one", slots=1)
    await world.add("letters")
    await world.send("letters", "a")
    await until(lambda: _holds(one, "a"))
    two = await world.start_endpoint("two", slots=1)
    async with await asyncio.start_server(begin_and_die, "127.0.0.1", 0) as dying:
        url = f"http://127.0.0.1:{dying.sockets[0].getsockname()[1]}"
        died = Instance(role="endpoint", container="dying", url=url, version="1", serves=("letters",))
        await RedisRegistry(world.redis, DiscoverySettings()).announce(died)
        for path in ("/v1/collections/letters/items", "/collections/letters/items"):
            here, there = await one.get(path), await two.get(path)
            assert (there.status, there.body) == (200, here.body)


async def test_what_cannot_be_known_of_many_names_is_not_denied(world: World) -> None:
    one = await world.start_endpoint("one")
    await world.stop("config")
    answers = await asyncio.gather(*(one.get(f"/collections/letters-{at}/items") for at in range(20)))
    assert {each.status for each in answers} == {503}


async def _lists(endpoint: Endpoint, *names: str) -> bool:
    listed = (await endpoint.get("/collections")).json["collections"]
    return [each["name"] for each in listed] == list(names)


async def _holds(endpoint: Endpoint, *titles: str) -> bool:
    return await endpoint.titles("letters") == list(titles)
