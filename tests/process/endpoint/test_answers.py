"""What an endpoint answers about a collection."""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.conftest import Until
from tests.process.endpoint.world import Endpoint, World

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
SEVEN = ("a", "b", "c", "d", "e", "f", "g")


@pytest.fixture
async def endpoint(world: World) -> Endpoint:
    """An endpoint of the collection `letters`."""
    endpoint = await world.start_endpoint(check=3600, wait=30)
    await world.add("letters")
    return endpoint


async def test_a_collection_just_configured_is_an_empty_list(world: World, endpoint: Endpoint) -> None:
    await world.add("restaurants")
    answer = await endpoint.get("/collections/restaurants/items")
    assert (answer.status, answer.json) == (200, [])
    assert answer.headers["X-Collection-Version"] == "0"
    assert answer.headers["X-Scrapr-Stale"] == "false"


async def test_items_are_answered_in_the_shape_of_the_thesis(
    world: World, endpoint: Endpoint, until: Until
) -> None:
    await world.send("letters", "Mesón Chuchi", item="Ctra de Vitoria, 2 26360 Fuenmayor")
    await until(lambda: endpoint.titles("letters"))
    answer = await endpoint.get("/items")
    [item] = answer.json
    assert list(item) == ["title", "items", "timestamp"]
    assert (item["title"], item["items"]) == ("Mesón Chuchi", ["Ctra de Vitoria, 2 26360 Fuenmayor"])
    assert TIME.fullmatch(item["timestamp"])
    home = await endpoint.get("/")
    assert (home.status, home.headers["Location"]) == (302, "/items")


async def test_pages_of_other_origins_may_read_all_that_is_answered(
    world: World, endpoint: Endpoint, until: Until
) -> None:
    await world.send("letters", "a")
    await until(lambda: _holds(endpoint, 1))
    path = "/v1/collections/letters/items"
    first, ready = await endpoint.get(path), await endpoint.get(path)
    known = await endpoint.get(path, If_None_Match=first.headers["ETag"])
    wrong, nowhere = await endpoint.get(f"{path}?limit=0"), await endpoint.get("/v1/nowhere")
    answers = (first, ready, known, wrong, nowhere)
    assert [answer.status for answer in answers] == [200, 200, 304, 422, 404]
    for answer in answers:
        assert answer.headers.getall("Access-Control-Allow-Origin") == ["*"]
        assert answer.headers.getall("Access-Control-Expose-Headers") == ["*"]
    asks = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    async with endpoint.http.options(
        endpoint.url + path, headers={"Origin": "https://x.org", **asks}
    ) as told:
        assert (told.status, told.headers["Access-Control-Allow-Origin"]) == (204, "*")
        assert "Authorization" in told.headers["Access-Control-Allow-Headers"]
        assert told.headers["Access-Control-Allow-Methods"] == "GET, HEAD"


async def test_each_page_goes_on_where_the_last_one_ended_whatever_changed(
    world: World, endpoint: Endpoint, until: Until
) -> None:
    await world.send("letters", *SEVEN)
    await until(lambda: _holds(endpoint, 7))
    first = await endpoint.page("letters", "?limit=3")
    assert [item["title"] for item in first["items"]] == ["a", "b", "c"]
    assert (first["collection"], first["version"], first["total"]) == ("letters", 7, 7)
    await world.scrape("letters", "a", "c", "e", "f", "g", "h")
    await until(lambda: _holds(endpoint, 6))
    second = await endpoint.page("letters", f"?limit=3&cursor={first['next']}")
    assert [item["title"] for item in second["items"]] == ["e", "f", "g"]
    third = await endpoint.page("letters", f"?limit=3&cursor={second['next']}")
    assert ([item["title"] for item in third["items"]], third["next"]) == (["h"], None)


async def test_a_bare_answer_that_is_not_all_names_the_next_page(
    world: World, endpoint: Endpoint, until: Until
) -> None:
    await world.send("letters", *SEVEN)
    await until(lambda: _holds(endpoint, 7))
    titles, path = [], "/collections/letters/items?limit=3"
    while path:
        answer = await endpoint.get(path)
        titles += [item["title"] for item in answer.json]
        link = re.fullmatch(r'<(.+)>; rel="next"', answer.headers.get("Link", ""))
        path = link[1] if link else ""
    assert titles == list(SEVEN)


async def test_who_has_the_newest_state_is_told_so_until_it_changes(
    world: World, endpoint: Endpoint, until: Until
) -> None:
    await world.send("letters", "a")
    await until(lambda: _holds(endpoint, 1))
    for path in ("/collections/letters/items", "/v1/collections/letters/items", "/v1/items?limit=1"):
        first = await endpoint.get(path)
        again = await endpoint.get(path, If_None_Match=f'"other", {first.headers["ETag"]}')
        assert (again.status, again.body) == (304, b"")
        assert again.headers["ETag"] == first.headers["ETag"]
        assert again.headers["Cache-Control"] == first.headers["Cache-Control"]
    await world.send("letters", "b")
    await until(lambda: _holds(endpoint, 2))
    later = await endpoint.get(path, If_None_Match=first.headers["ETag"])
    assert later.status == 200
    assert later.headers["Last-Modified"]


async def test_wrong_queries_are_refused_with_what_is_allowed(world: World, endpoint: Endpoint) -> None:
    await endpoint.page("letters")
    for path, field, allowed in [
        ("/v1/collections/letters/items?limit=0", "limit", "from 1 to 1000"),
        ("/v1/collections/letters/items?limit=1001", "limit", "from 1 to 1000"),
        ("/collections/letters/items?limit=10001", "limit", "from 1 to 10000"),
        ("/v1/collections/letters/items?limit=many", "limit", "from 1 to 1000"),
        ("/v1/collections/letters/items?cursor=%24", "cursor", "the `next` of the page before"),
        ("/v1/collections/letters/items?price[under]=1", "price[under]", "lte"),
        ("/v1/collections/letters/changes?since=-1", "since", "from 0"),
        (f"/v1/collections/letters/changes?since={2**63}", "since", "from 0"),
        ("/v1/collections/letters/items?sort=title&sort=-title", "sort", "once"),
        ("/collections/letters/items?limit=1&limit=2", "limit", "once"),
        ("/v1/collections/letters/items?=1", "query", "field[operator]"),
        (f"/v1/collections/letters/items?{'a[ne]=1&' * 21}", "query", "up to 20 filters"),
    ]:
        answer = await endpoint.get(path)
        assert answer.status == 422, path
        [wrong] = answer.json["errors"]
        assert wrong["field"] == field
        assert allowed in wrong["allowed"]


async def test_items_are_filtered_sorted_and_cut_and_go_on_where_they_ended(
    world: World, endpoint: Endpoint, until: Until
) -> None:
    await world.send("letters", "a", "b", "c", price=1)
    await world.send("letters", "d", "e", price=2)
    await until(lambda: _holds(endpoint, 5))
    query = "?sort=-price,title&price[lte]=2&title[ne]=b&fields=title"
    first = await endpoint.page("letters", f"{query}&limit=3")
    assert first["items"] == [{"title": "d"}, {"title": "e"}, {"title": "a"}]
    assert first["total"] == 4
    await world.send("letters", "d", price=0)
    await until(lambda: _is_newer(endpoint, first["version"]))
    rest = await endpoint.page("letters", f"{query}&limit=3&cursor={first['next']}")
    assert (rest["items"], rest["next"]) == ([{"title": "c"}, {"title": "d"}], None)
    other = await endpoint.get(f"/v1/items?sort=title&cursor={first['next']}")
    assert other.status == 422
    assert "another sort" in other.json["detail"]


async def test_all_filters_of_one_field_must_fit(world: World, endpoint: Endpoint, until: Until) -> None:
    await world.send("letters", "a", "b", "c")
    await until(lambda: _holds(endpoint, 3))
    for query, left in (("title[ne]=a&title[ne]=b", ["c"]), ("title=a&title=b", [])):
        page = await endpoint.page("letters", f"?{query}")
        assert [item["title"] for item in page["items"]] == left


async def test_a_search_finds_words_phrases_and_beginnings_and_keeps_up_with_what_changes(
    world: World, endpoint: Endpoint, until: Until
) -> None:
    await world.send("letters", "Mesón Chuchi", "grilled fish", "fish market", "market fish grilled")
    await world.send("letters", "long", text="about fish, among many other words that weigh it less")
    await until(lambda: _holds(endpoint, 5))

    async def found(query: str) -> list[str]:
        return [item["title"] for item in (await endpoint.page("letters", f"?q={query}"))["items"]]

    assert await found("meson") == ["Mesón Chuchi"]
    assert (await found("fish"))[-1] == "long"
    assert sorted(await found("fish grilled")) == ["grilled fish", "market fish grilled"]
    assert await found('"grilled fish"') == ["grilled fish"]
    assert await found("chu*") == ["Mesón Chuchi"]
    assert await found("fish -market -long&sort=title") == ["grilled fish"]
    assert await found("fish&title[startswith]=market&sort=-title") == ["market fish grilled"]
    await world.send("letters", "long", text="about meat")
    await world.send("letters", "late fish")
    await until(lambda: _holds(endpoint, 6))
    assert "late fish" in await found("fish")
    assert "long" not in await found("fish")
    assert await found("meat") == ["long"]
    first = await endpoint.page("letters", "?q=fish&limit=2")
    rest = await endpoint.page("letters", f"?q=fish&limit=2&cursor={first['next']}")
    titles = [item["title"] for item in (*first["items"], *rest["items"])]
    assert sorted(titles) == ["fish market", "grilled fish", "late fish", "market fish grilled"]
    assert (first["total"], rest["next"]) == (4, None)


async def test_a_field_that_no_item_had_is_refused_with_what_was_meant(
    world: World, endpoint: Endpoint, until: Until
) -> None:
    await endpoint.page("letters", "?prize=1")  # nothing is known of an empty collection
    await world.send("letters", "a", price=1)
    await until(lambda: _holds(endpoint, 1))
    for query, field, meant in [
        ("limt=3", "limt", "limit"),
        ("prize[lte]=3", "prize", "price"),
        ("sort=-tilte", "tilte", "title"),
        ("fields=title,pice", "pice", "price"),
    ]:
        refused = await endpoint.get(f"/v1/items?{query}")
        assert refused.status == 422, query
        [wrong] = refused.json["errors"]
        assert wrong["field"] == field
        assert f"did you mean {meant}" in wrong["problem"]
        assert wrong["allowed"] == "price, timestamp, title"
    assert (await endpoint.page("letters", "?prize[exists]=false"))["total"] == 1
    assert (await endpoint.page("letters", '?timestamp[gt]="2000"'))["total"] == 1


async def test_a_date_tells_who_has_the_newest_state_where_it_can(
    world: World, endpoint: Endpoint, until: Until
) -> None:
    await world.send("letters", "a")
    await until(lambda: _holds(endpoint, 1))
    told = await endpoint.get("/v1/items")
    modified = told.headers["Last-Modified"]
    for path in ("/v1/items", "/v1/items?sort=title"):
        assert (await endpoint.get(path, If_Modified_Since=modified)).status == 304
        assert (await endpoint.get(path, If_Modified_Since="Thu, 01 Jan 1970 00:00:00 GMT")).status == 200
        assert (await endpoint.get(path, If_Modified_Since="yesterday")).status == 200
        both = await endpoint.get(path, If_Modified_Since=modified, If_None_Match='"other"')
        assert both.status == 200


async def test_ready_answers_are_those_that_are_made(world: World, endpoint: Endpoint, until: Until) -> None:
    """The first of each is made by way of router and middlewares, the next ones are ready bytes."""
    await world.send("letters", *SEVEN)
    await until(lambda: _holds(endpoint, 7))
    counted = await _counted(endpoint)
    for path in ("/v1/items", "/items?limit=3", "/v1/collections/letters/items?format=csv"):
        made, *ready = [await endpoint.get(path) for _ in range(4)]
        for each in ready:
            assert (each.status, each.body) == (200, made.body)
            skipped = {"Date", "Server"}
            assert {name: each.headers[name] for name in each.headers if name not in skipped} == {
                name: made.headers[name] for name in made.headers if name not in skipped
            }
        async with endpoint.http.head(endpoint.url + path) as head:
            assert (head.status, head.headers["Content-Length"]) == (200, str(len(made.body)))
            assert await head.read() == b""
        assert (await endpoint.get(path, If_None_Match=made.headers["ETag"])).status == 304
    assert await _counted(endpoint) - counted == 3 * 6


async def _counted(endpoint: Endpoint) -> float:
    text = (await endpoint.get("/metrics")).body.decode()
    pattern = r'^scrapr_http_requests_total\{[^}]*path="[^"]*items"[^}]*\} (\S+)$'
    return sum(float(number) for number in re.findall(pattern, text, re.MULTILINE))


async def _is_newer(endpoint: Endpoint, version: int) -> bool:
    return bool((await endpoint.page("letters"))["version"] > version)


async def test_an_unknown_collection_is_answered_with_near_names(world: World, endpoint: Endpoint) -> None:
    await endpoint.page("letters")
    for path in ("/collections/leters/items", "/v1/collections/leters/changes", "/items?collection=leters"):
        answer = await endpoint.get(path)
        assert answer.status == 404
        assert "did you mean letters?" in answer.json["detail"]
    for name in ("$where", "a%2Fb", "a%00b", "a" * 5000):
        assert (await endpoint.get(f"/collections/{name}/items")).status == 404


async def test_without_a_name_the_only_collection_is_meant_and_several_are_listed(
    world: World, endpoint: Endpoint
) -> None:
    await endpoint.page("letters")
    assert (await endpoint.get("/v1/items")).json["collection"] == "letters"
    await world.add("numbers")
    await endpoint.page("numbers")
    several = await endpoint.get("/items")
    assert several.status == 404
    assert "/collections/letters/items" in several.json["detail"]
    assert several.json["errors"][0]["allowed"] == "letters, numbers"
    assert (await endpoint.get("/v1/items?collection=numbers")).json["collection"] == "numbers"


async def test_what_is_served_and_claimed_is_listed(world: World, endpoint: Endpoint) -> None:
    await endpoint.page("letters")
    [listed] = (await endpoint.get("/v1/collections")).json["collections"]
    assert (listed["name"], listed["here"], listed["records"]) == ("letters", True, 0)
    assert (await endpoint.get(listed["items"])).status == 200
    [bare] = (await endpoint.get("/configurations")).json
    assert (bare["type"], bare["collection"]) == ("endpoint", "letters")
    assert (await endpoint.get("/v1/configurations")).json["configurations"][0]["id"] == bare["id"]


async def test_changes_are_passed_on_from_the_datasource(world: World, endpoint: Endpoint) -> None:
    await endpoint.page("letters")
    assert (await endpoint.get("/v1/collections/letters/changes")).json["latest"] == 0
    await world.send("letters", "a", "b")
    async with asyncio.timeout(10):
        while (await endpoint.get("/collections/letters/changes?limit=5")).json["latest"] != 2:
            pass
    [change] = (await endpoint.get("/collections/letters/changes?since=1&limit=5")).json["changes"]
    assert (change["version"], change["op"], change["key"]) == (2, "create", "b")


async def test_many_who_ask_at_once_are_answered_alike(
    world: World, endpoint: Endpoint, until: Until
) -> None:
    await world.send("letters", *SEVEN)
    await until(lambda: _holds(endpoint, 7))
    answers = await asyncio.gather(*(endpoint.get("/v1/items?limit=5") for _ in range(50)))
    assert len({answer.body for answer in answers}) == 1


async def _holds(endpoint: Endpoint, count: int) -> bool:
    return len(await endpoint.titles("letters") or ()) == count
