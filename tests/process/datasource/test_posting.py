"""What may be posted to `/items`, and what is refused."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from scrapr.model.errors import Conflict, Invalid, StaleEpoch, Unavailable

HOSTILE = {
    "title": "a",
    "$set": {"a.b": 1, "$inc": {"x": 1}},
    "a.b": [{"$ref": "users", "$id": 7, "more": {"$ref": "x", "$id": {"$oid": "0"}, "$db": "d"}}],
    "$ref": "users",
    "_id": "mine",
    "": None,
    "nul": "a\0b",
    "big": 2**63 - 1,
    "small": -(2**63),
    "float": 1e300,
    "emoji": "🍷",
}


async def stored(datasource: Any) -> int:
    counts = [await datasource.database[name].count_documents({}) for name in ("inbox", "records", "runs")]
    return sum(counts)


async def post(datasource: Any, body: bytes, path: str = "/v1/items") -> tuple[int, Any]:
    answer: tuple[int, Any] = await datasource.ask("POST", path, data=BytesIO(body))
    return answer


async def test_versioned_and_bare_answer_alike(datasource: Any) -> None:
    body = orjson.dumps({"collection": "c", "data": [{"title": "a"}], "run": "r"})
    receipt = {"ok": True, "accepted": 1, "duplicate": False, "unkeyed": 0, "run": "r"}
    assert await post(datasource, body) == (200, receipt)
    assert await post(datasource, body, "/items") == (200, {**receipt, "duplicate": True})


async def test_a_receipt_and_a_warning_tell_of_items_without_a_key(datasource: Any, until: Any) -> None:
    items: list[Any] = [{"notitle": 1}, {"title": "a"}, {"title": ""}]
    with capture_logs() as logs:
        receipt = await datasource.send("hand", *items)
    assert (receipt.accepted, receipt.unkeyed) == (3, 2)
    (line,) = [line for line in logs if line["event"] == "unkeyed"]
    assert (line["log_level"], line["collection"], line["unkeyed"]) == ("warning", "hand", 2)
    await until(datasource.reduced)


async def test_batches_without_a_run_are_runs_of_their_own(datasource: Any) -> None:
    receipts = [await datasource.send("c", {"title": "a"}) for _ in range(2)]
    assert receipts[0].run != receipts[1].run
    assert not any(receipt.duplicate for receipt in receipts)


async def test_every_wrong_place_is_named_and_nothing_is_stored(datasource: Any) -> None:
    items = b'{"title": "a"}, {"title": "a"}, {"title": "a"}'
    status, problem = await post(datasource, b'{"collection": "a/b", "data": [' + items + b", 7]}")
    assert status == 422
    assert {error["field"]: error["problem"] for error in problem["errors"]} == {
        "collection": "is not a name",
        "data[3]": "is a number",
    }
    assert await stored(datasource) == 0


async def test_batches_that_come_together_are_kept_each_by_itself(datasource: Any, until: Any) -> None:
    pages = [{"collection": "c", "data": [{"title": f"t{n}"}], "run": "r", "page": n} for n in (1, 2, 3)]
    assert (await post(datasource, orjson.dumps(pages[1])))[0] == 200
    status, answer = await post(datasource, orjson.dumps(pages))
    assert status == 200
    assert [each["duplicate"] for each in answer["receipts"]] == [False, True, False]
    assert (await post(datasource, orjson.dumps(pages[2])))[1]["duplicate"] is True
    await until(datasource.reduced)
    assert await datasource.database["inbox"].count_documents({"run": "r"}) == 3
    assert await datasource.database["records"].count_documents({}) == 3


async def test_batches_that_come_together_are_refused_together(datasource: Any) -> None:
    good = {"collection": "c", "data": [{"title": "a"}], "run": "r", "configuration": "x", "epoch": 1}
    large = {**good, "page": 2, "data": [{"title": "b", "a": [1] * 2_000_000}]}
    for wrong, status in (({**good, "data": [7]}, 422), (large, 413), ({"finished": True}, 422)):
        assert (await post(datasource, orjson.dumps([good, wrong])))[0] == status
    status, problem = await post(
        datasource, orjson.dumps([good, {**good, "data": [7]}, {"collection": "a/b"}])
    )
    assert [each["field"] for each in problem["errors"]] == ["[1].data[0]", "[2].collection", "[2].data"]
    assert (await post(datasource, b"[]"))[0] == 422
    assert await stored(datasource) == 0


async def test_a_late_holder_is_refused_in_company(datasource: Any) -> None:
    late: Any = {"collection": "c", "data": [], "configuration": "x", "epoch": 1}
    assert (await post(datasource, orjson.dumps({**late, "epoch": 2})))[0] == 200
    before = await stored(datasource)
    other = {**late, "configuration": "y"}
    assert (await post(datasource, orjson.dumps([other, late])))[0] == 409
    assert await stored(datasource) == before


@pytest.mark.parametrize("body", [b"", b"{", b'{"collection": NaN}', b'"\\ud800"', b'{"collection": 1e999}'])
async def test_what_is_not_json_is_malformed(datasource: Any, body: bytes) -> None:
    status, problem = await post(datasource, body)
    assert (status, problem["type"]) == (400, "urn:scrapr:Malformed")


async def test_a_number_that_mongodb_cannot_keep_is_named_and_nothing_is_stored(datasource: Any) -> None:
    with pytest.raises(Invalid) as caught:
        await datasource.send("c", {"title": "a"}, {"title": "b", "n": [2**64]})
    assert [field.field for field in caught.value.fields] == ["data[1].n[0]"]
    assert await stored(datasource) == 0


async def test_any_key_that_json_allows_comes_back_unharmed(datasource: Any, until: Any) -> None:
    await datasource.send("c", HOSTILE, {**HOSTILE, "title": "b"})
    await until(datasource.reduced)
    await datasource.send("c", HOSTILE)
    await datasource.send("c", {"title": "a", "$set": {"$unset": 2}})
    await until(datasource.reduced)
    assert await datasource.values("c") == {
        "a": {**HOSTILE, "$set": {"$unset": 2}},
        "b": {**HOSTILE, "title": "b"},
    }
    changes = await datasource.changes("c")
    assert (changes[0].after, len(changes)) == (HOSTILE, 3)
    assert (changes[2].before, changes[2].after) == (
        {"$set": HOSTILE["$set"]},
        {"$set": {"$unset": 2}},
    )


async def test_a_body_over_the_limit_is_refused_with_413(datasource: Any) -> None:
    status, problem = await post(datasource, b" " * (16 * 2**20 + 1))
    assert (status, problem["title"]) == (413, "The request is larger than allowed")


async def test_a_batch_that_grows_too_large_in_mongodb_is_refused_with_413(datasource: Any) -> None:
    status, problem = await post(
        datasource, orjson.dumps({"collection": "c", "data": [{"a": [1] * 2_000_000}]})
    )
    assert (status, problem["type"]) == (413, "urn:scrapr:TooLarge")
    assert await stored(datasource) == 0


async def test_a_late_holder_is_refused_whatever_it_sends(datasource: Any, until: Any) -> None:
    await datasource.send("c", {"title": "a"}, run="r", configuration="x", epoch=7)
    await datasource.send("c", {"title": "a"}, run="r", page=2, configuration="x", epoch=7)
    await datasource.send("c", {"title": "a"}, run="s", configuration="x", epoch=8)
    await until(datasource.reduced)
    before = await stored(datasource)
    with pytest.raises(StaleEpoch, match="epoch 8"):
        await datasource.send("c", {"title": "a"}, run="r", page=3, configuration="x", epoch=7)
    with pytest.raises(StaleEpoch):
        await datasource.end("c", "r", pages=3, items=3, configuration="x", epoch=7)
    assert await stored(datasource) == before
    await datasource.send("c", {"title": "a"}, run="t", configuration="y", epoch=1)


async def test_an_epoch_seen_by_one_replica_binds_the_others(start: Any) -> None:
    first, second = await start(awake=False), await start(awake=False)
    await first.send("c", {"title": "a"}, run="r", configuration="x", epoch=8)
    with pytest.raises(StaleEpoch):
        await second.send("c", {"title": "a"}, run="s", configuration="x", epoch=7)


async def test_a_page_sent_again_with_other_items_is_refused_and_named(datasource: Any, until: Any) -> None:
    sent = {"title": "a", "n": 1, "deep": {"x": 1, "y": 2}}
    await datasource.send("c", sent, run="r", page=2)
    again = await datasource.send("c", {"deep": {"y": 2, "x": 1}, "n": 1, "title": "a"}, run="r", page=2)
    assert again.duplicate
    with pytest.raises(Conflict, match="Page 2 of run r"):
        await datasource.send("c", {**sent, "n": 2}, run="r", page=2)
    await until(datasource.reduced)
    assert await datasource.values("c") == {"a": sent}


async def test_a_run_feeds_one_collection(datasource: Any) -> None:
    await datasource.send("c", {"title": "a"}, run="r")
    with pytest.raises(Conflict, match="collection c"):
        await datasource.send("d", {"title": "a"}, run="r")


async def test_a_full_inbox_refuses_more_and_says_when_to_try_again(start: Any, until: Any) -> None:
    datasource = await start(awake=False, depth=3, retry_after=0.2)

    async def refused() -> Unavailable | None:
        try:
            await datasource.send("c", {"title": "a"})
        except Unavailable as error:
            return error
        return None

    error = await until(refused)
    assert error.retry_after == 1
    assert "3 batches wait" in error.detail
    datasource.wake()
    await until(datasource.reduced)

    async def taken() -> bool:
        return await refused() is None

    await until(taken)


async def test_a_write_needs_the_token(datasource: Any) -> None:
    status, _ = await datasource.ask(
        "POST", "/v1/items", json={"collection": "c", "data": []}, headers={"Authorization": "Bearer other"}
    )
    assert status == 401


async def test_an_empty_batch_is_taken_and_makes_no_change(datasource: Any, until: Any) -> None:
    await datasource.send("c")
    await until(datasource.reduced)
    assert (await datasource.client.collections())[0].version == 0


async def test_a_disk_with_too_little_room_is_told_before_it_is_full(start: Any) -> None:
    datasource = await start(awake=False, room_mb=1_000_000_000)
    with pytest.raises(Unavailable, match="MB of room; allowed: at least 1000000000 MB"):
        await datasource.send("c", {"title": "a"})
    assert await stored(datasource) == 0
