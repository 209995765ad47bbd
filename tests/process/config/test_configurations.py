from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from scrapr.model.errors import Conflict, Invalid, NotFound

THESIS: dict[str, Any] = {
    "type": "scraper",
    "collection": "restaurants",
    "scraper": {
        "source": "http://127.0.0.1:1/busqueda/logrono",
        "scope": "li.resultItem",
        "selector": [{"title": "h3.resultItem-name a", "item": "div.resultItem-address"}],
        "paginate": "div.pagination li.next a@href",
        "limit": 3,
    },
    "ttl": 300,
    "container": None,
}


async def collect(config: Any, **which: Any) -> list[Any]:
    return [each async for each in config.client.configurations(**which)]


async def test_the_thesis_configuration_is_stored_unchanged_and_gets_an_endpoint(config: Any) -> None:
    status, stored = await config.ask("POST", "/configurations", json=THESIS)
    assert status == 201
    assert {name: stored[name] for name in THESIS} == THESIS
    scraper, endpoint = sorted(await collect(config), key=lambda each: each.type, reverse=True)
    assert (scraper.id, scraper.revision) == (stored["id"], 1)
    assert (endpoint.type, endpoint.collection, endpoint.ttl) == ("endpoint", "restaurants", 300)


async def test_a_body_is_json_whatever_its_content_type_says(config: Any) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    status, _ = await config.ask("POST", "/v1/configurations", data=orjson.dumps(THESIS), headers=form)
    assert status == 201


async def test_the_answer_to_a_post_says_where_the_configuration_is(config: Any) -> None:
    for prefix in ("/v1", ""):
        async with config.http.post(f"{config.url}{prefix}/configurations", json=THESIS) as answer:
            stored = await answer.json()
            assert answer.headers["Location"] == f"{prefix}/configurations/{stored['id']}"
            assert (await config.ask("GET", answer.headers["Location"]))[1] == stored


async def test_posts_of_the_same_collection_at_once_give_one_endpoint(config: Any, make_draft: Any) -> None:
    await asyncio.gather(*(config.client.add(make_draft(1)) for _ in range(20)))
    assert len(await collect(config, of_type="scraper")) == 20
    assert len(await collect(config, of_type="endpoint")) == 1


async def test_a_second_endpoint_of_a_collection_is_a_conflict(config: Any) -> None:
    await config.client.add({"type": "endpoint", "collection": "c"})
    with pytest.raises(Conflict, match="c has an endpoint already"):
        await config.client.add({"type": "endpoint", "collection": "c"})


async def test_every_wrong_field_is_named_and_nothing_is_stored(config: Any) -> None:
    wrong = {**THESIS, "ttl": "5m", "poool": "x", "scraper": {**THESIS["scraper"], "source": "ftp://x"}}
    wrong["scraper"]["scope"] = "li["
    status, problem = await config.ask("POST", "/v1/configurations", json=wrong)
    assert status == 422
    named = {each["field"] for each in problem["errors"]}
    assert named == {"ttl", "poool", "scraper.source", "scraper.scope"}
    assert await collect(config) == []


async def test_what_is_not_json_is_malformed(config: Any) -> None:
    assert (await config.ask("POST", "/v1/configurations", data=b"{"))[0] == 400


async def test_a_huge_configuration_is_refused_with_what_is_allowed(start: Any) -> None:
    config = await start(draft_limit=1024)
    status, problem = await config.ask("POST", "/v1/configurations", json={**THESIS, "x": "y" * 1024})
    assert (status, "allowed: 1024" in problem["detail"]) == (413, True)


async def test_bare_paths_answer_with_the_thesis_array_and_versioned_ones_with_pages(
    config: Any, make_draft: Any
) -> None:
    added = [(await config.client.add(make_draft(number))).id for number in range(3)]
    _, bare = await config.ask("GET", "/configurations?type=scraper")
    assert [each["id"] for each in bare] == added
    _, page = await config.ask("GET", "/v1/configurations?type=scraper&limit=2")
    assert [each["id"] for each in page["configurations"]] == added[:2]
    _, rest = await config.ask("GET", f"/v1/configurations?type=scraper&limit=2&after={page['next']}")
    assert ([each["id"] for each in rest["configurations"]], rest["next"]) == (added[2:], None)


async def test_a_bare_page_that_is_not_the_last_links_to_the_next(config: Any, make_draft: Any) -> None:
    await config.client.add(make_draft(1))
    async with config.http.get(f"{config.url}/configurations?limit=1") as answer:
        following = answer.links["next"]["url"]
    assert len((await config.ask("GET", following.path_qs))[1]) == 1


async def test_configurations_are_found_by_type_collection_pool_and_holder(
    config: Any, make_draft: Any
) -> None:
    await config.client.add(make_draft(1))
    await config.client.add(make_draft(2))
    await config.claim("replica", slots=1)

    async def found(query: str) -> list[str]:
        _, page = await config.ask("GET", f"/configurations?{query}")
        return sorted(f"{each['type']} {each['collection']}" for each in page)

    assert await found("collection=c2") == ["endpoint c2", "scraper c2"]
    assert await found("type=endpoint&pool=default") == ["endpoint c1", "endpoint c2"]
    assert await found("pool=eu") == []
    assert await found("container=replica") == ["scraper c1"]
    assert await found("type=scraper&container=null") == ["scraper c2"]


async def test_an_expired_claim_is_shown_as_nobodys(config: Any, make_draft: Any) -> None:
    added = await config.client.add(make_draft(1))
    await config.claim("replica")
    assert (await config.client.configuration(added.id)).container == "replica"
    await config.expire("replica")
    assert (await config.client.configuration(added.id)).container is None
    assert len((await config.ask("GET", "/configurations?type=scraper&container=null"))[1]) == 1


async def test_a_query_that_cannot_be_read_is_refused(config: Any) -> None:
    status, problem = await config.ask("GET", "/configurations?limit=0&typ=scraper")
    assert (status, {each["field"] for each in problem["errors"]}) == (422, {"limit", "typ"})


async def test_a_change_grows_the_revision_and_no_change_does_not(config: Any, make_draft: Any) -> None:
    added = await config.client.add(make_draft(1))
    assert (await config.client.replace(added.id, make_draft(1))).revision == 1
    changed = await config.client.replace(added.id, make_draft(1, ttl=7))
    assert (changed.revision, changed.ttl) == (2, 7)
    assert await config.client.configuration(added.id) == changed


async def test_changes_at_once_are_all_made(config: Any, make_draft: Any) -> None:
    added = await config.client.add(make_draft(1))
    await asyncio.gather(
        *(config.client.replace(added.id, make_draft(1, ttl=1000 + number)) for number in range(10))
    )
    assert (await config.client.configuration(added.id)).revision == 11


async def test_what_a_get_answers_can_be_changed_and_put_while_it_is_claimed(
    config: Any, make_draft: Any
) -> None:
    added = await config.client.add(make_draft(1))
    await config.claim("replica")
    _, answered = await config.ask("GET", f"/configurations/{added.id}")
    status, changed = await config.ask("PUT", f"/configurations/{added.id}", json={**answered, "ttl": 9})
    assert (status, changed["container"], changed["revision"]) == (200, "replica", 2)
    status, problem = await config.ask("PUT", f"/configurations/{added.id}", json={**answered, "ttl": 8})
    assert (status, problem["title"]) == (409, "The request disagrees with the present state")


async def test_a_collection_cannot_change(config: Any, make_draft: Any) -> None:
    added = await config.client.add(make_draft(1))
    with pytest.raises(Invalid, match="collection: cannot change; allowed: c1"):
        await config.client.replace(added.id, make_draft(2))


async def test_a_configuration_that_moves_to_another_pool_loses_its_claim(
    config: Any, make_draft: Any
) -> None:
    added = await config.client.add(make_draft(1))
    await config.ask("PUT", "/v1/pools/scraper-eu", json={"role": "scraper", "place": "eu"})
    await config.claim("replica")
    moved = await config.client.replace(added.id, make_draft(1, pool="eu"))
    assert (moved.pool, moved.container) == ("eu", None)
    assert (await config.claim("replica")).claims == ()
    assert [each.epoch for each in (await config.claim("other", pool="eu")).claims] == [2]


async def test_a_removed_configuration_is_gone_and_its_endpoint_stays(config: Any, make_draft: Any) -> None:
    added = await config.client.add(make_draft(1))
    await config.client.remove(added.id)
    assert [each.type for each in await collect(config)] == ["endpoint"]
    for again in (config.client.configuration(added.id), config.client.remove(added.id)):
        with pytest.raises(NotFound):
            await again


async def test_selectors_may_use_names_that_mongodb_has_for_itself(config: Any, make_draft: Any) -> None:
    selector = {"title": "h3", "a.b": {"$scope": "ul", "$select": ["li"]}}
    posted = make_draft(1, scraper={"source": "http://127.0.0.1:1/", "selector": selector})
    added = await config.client.add(posted)
    assert (await config.client.configuration(added.id)).scraper.selector == selector


@pytest.mark.parametrize("name", ["$where", "a/b", "a\0b", "x" * 10_000])
async def test_a_collection_with_a_dangerous_name_is_refused(config: Any, make_draft: Any, name: str) -> None:
    with pytest.raises(Invalid, match="collection: is not a name"):
        await config.client.add(make_draft(1, collection=name))


async def test_a_write_needs_the_token_and_a_read_does_not(config: Any) -> None:
    nobody = {"Authorization": ""}
    assert (await config.ask("POST", "/v1/configurations", json=THESIS, headers=nobody))[0] == 401
    assert (await config.ask("GET", "/v1/configurations", headers=nobody))[0] == 200


async def test_it_is_ready_when_mongodb_answers_and_describes_itself(config: Any, until: Any) -> None:
    async def ready() -> bool:
        return (await config.ask("GET", "/ready"))[1]["ready"] is True

    assert await until(ready)
    _, described = await config.ask("GET", "/openapi.json")
    assert {"/v1/configurations", "/v1/configurations/{id}", "/v1/claims", "/v1/pools/{name}"} <= set(
        described["paths"]
    )


async def test_home_is_the_configurations(config: Any) -> None:
    async with config.http.get(f"{config.url}/", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (302, "/configurations")
