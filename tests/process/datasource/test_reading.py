"""Collections, records, changes and histories, as callers read them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from yarl import URL

from scrapr.model.errors import Invalid, NotFound


async def fill(datasource: Any, until: Any, count: int, collection: str = "restaurants") -> None:
    await datasource.send(collection, *({"title": f"t{number}", "n": number} for number in range(count)))
    await until(datasource.reduced)


async def test_records_come_page_by_page_in_the_order_of_their_creation(datasource: Any, until: Any) -> None:
    await fill(datasource, until, 7)
    await datasource.send("restaurants", {"title": "t0", "n": 99})
    await until(datasource.reduced)
    pages = [await datasource.client.records("restaurants", limit=3)]
    while pages[-1].next is not None:
        pages.append(await datasource.client.records("restaurants", after=pages[-1].next, limit=3))
    assert [record.key for page in pages for record in page.records] == [f"t{number}" for number in range(7)]
    assert {page.version for page in pages} == {8}
    first = pages[0].records[0]
    assert (first.created, first.version, first.values["n"]) == (1, 8, 99)


async def test_a_bare_answer_names_its_next_page_in_a_link(datasource: Any, until: Any) -> None:
    await fill(datasource, until, 5)
    titles: list[str] = []
    path = "/collections/restaurants?limit=2"
    while path:
        async with datasource.http.get(datasource.url + path) as answer:
            titles += [record["title"] for record in await answer.json()]
            path = str(answer.links["next"]["url"].relative()) if "next" in answer.links else ""
    assert titles == [f"t{number}" for number in range(5)]


@pytest.mark.parametrize("typed", ["restaurant", "RESTAURANTS", "resturants", "restaurants%20"])
async def test_an_unknown_collection_lists_near_names(datasource: Any, until: Any, typed: str) -> None:
    await fill(datasource, until, 1)
    for path in (typed, f"{typed}/changes", f"{typed}/records/t0/history"):
        url = URL(f"{datasource.url}/v1/collections/{path}", encoded=True)
        async with datasource.http.get(url) as answer:
            assert answer.status == 404
            assert "did you mean restaurants?" in (await answer.json())["detail"]


async def test_a_hostile_collection_name_is_just_unknown(datasource: Any) -> None:
    for name in ("$where", "a\0b", "x" * 2000):
        async with datasource.http.get(
            URL(f"{datasource.url}/v1/collections/{quote(name)}", encoded=True)
        ) as answer:
            assert answer.status == 404


async def test_changes_come_in_stretches_that_say_whether_there_are_more(datasource: Any, until: Any) -> None:
    await fill(datasource, until, 5)
    part = await datasource.client.changes("restaurants", since=1, limit=2)
    assert (part.since, part.version, part.latest) == (1, 3, 5)
    assert [(change.version, change.key) for change in part.changes] == [(2, "t1"), (3, "t2")]
    rest = await datasource.client.changes("restaurants", since=5)
    assert (rest.since, rest.version, rest.latest, rest.changes) == (5, 5, 5, ())


async def test_whoever_is_ahead_of_the_collection_learns_it(datasource: Any, until: Any) -> None:
    await fill(datasource, until, 5)
    ahead = await datasource.client.changes("restaurants", since=9)
    assert (ahead.since, ahead.latest, ahead.changes) == (9, 5, ())


@pytest.mark.parametrize("key", ["a/b", "a%2Fb", "100 %", "ñandú 🍷", "?x=1#y", ".."])
async def test_a_record_with_any_key_has_a_history(datasource: Any, until: Any, key: str) -> None:
    await datasource.send("c", {"title": key, "n": 1}, {"title": "other"})
    await datasource.send("c", {"title": key, "n": 2})
    await until(datasource.reduced)
    url = f"{datasource.url}/v1/collections/c/records/{quote(key, safe='')}/history"
    async with datasource.http.get(URL(url, encoded=True)) as answer:
        history = await answer.json()
    assert (history["collection"], history["key"]) == ("c", key)
    assert [(change["version"], change["op"]) for change in history["changes"]] == [
        (1, "create"),
        (3, "update"),
    ]


async def test_a_record_that_never_was_has_no_history(datasource: Any, until: Any) -> None:
    await fill(datasource, until, 1)
    status, problem = await datasource.ask("GET", "/v1/collections/restaurants/records/t9/history")
    assert (status, problem["type"]) == (404, "urn:scrapr:NotFound")


async def test_a_wrong_query_is_refused_naming_each_field(datasource: Any) -> None:
    with pytest.raises(Invalid) as caught:
        await datasource.client.changes("c", since=-1, limit=100_000)
    assert [field.field for field in caught.value.fields] == ["since", "limit"]
    with pytest.raises(NotFound):
        await datasource.client.changes("c", since=0)


async def test_collections_are_listed_by_name_with_their_counts(datasource: Any, until: Any) -> None:
    await fill(datasource, until, 2, "b")
    await fill(datasource, until, 1, "a")
    found = await datasource.client.collections()
    assert [(each.name, each.version, each.records) for each in found] == [("a", 1, 1), ("b", 2, 2)]
    assert all(each.updated_at for each in found)
    assert (await datasource.ask("GET", "/collections"))[1] == ["a", "b"]


async def test_home_and_the_numbers_answer(datasource: Any) -> None:
    assert (await datasource.ask("GET", "/"))[1] == []
    async with datasource.http.get(datasource.url + "/metrics") as answer:
        assert "scrapr_datasource_batches_total" in await answer.text()
    await datasource.role.checks["mongo"]()


@pytest.mark.parametrize(
    ("method", "path", "field", "body"),
    [
        ("GET", f"/v1/collections/restaurants/changes?since={2**63}", "since", None),
        ("GET", f"/v1/collections/restaurants?after={2**63}", "after", None),
        ("PUT", "/v1/epochs/x", "epoch", {"epoch": 2**63}),
    ],
)
async def test_a_number_beyond_64_bits_is_refused_by_name(
    datasource: Any, until: Any, method: str, path: str, field: str, body: Any
) -> None:
    await fill(datasource, until, 1)
    status, problem = await datasource.ask(method, path, json=body)
    assert (status, [each["field"] for each in problem["errors"]]) == (422, [field])
