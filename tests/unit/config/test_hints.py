from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapr.model.errors import Invalid
from scrapr.roles.config import hints
from scrapr.roles.config.hints import Hint

kinds = st.sampled_from(["scraper", "endpoint"])
places = st.sampled_from(["default", "eu", "us"])


@given(kinds, places)
def test_who_serves_a_pool_hears_of_its_configurations(kind: Any, place: str) -> None:
    room = hints.room_of({"type": kind, "pool": place})
    assert hints.rooms_for(Hint(id="1", op="create", type=kind, pool=place), ()) == {"all", room}


@given(kinds, places, kinds, places)
def test_who_serves_another_pool_does_not(kind: Any, place: str, other: Any, elsewhere: str) -> None:
    room = hints.room_of({"type": other, "pool": elsewhere})
    told = hints.rooms_for(Hint(id="1", op="create", type=kind, pool=place), [room])
    assert (room in told) == ((kind, place) == (other, elsewhere))


def test_what_is_removed_is_told_to_all_rooms() -> None:
    hint = hints.read_hint({"operationType": "delete", "documentKey": {"_id": "1"}})
    assert hint == Hint(id="1", op="remove")
    assert hints.rooms_for(hint, ["scraper eu", "endpoint default"]) == {
        "all",
        "scraper eu",
        "endpoint default",
    }


@pytest.mark.parametrize("event", [None, {"operationType": "drop"}])
def test_news_that_may_be_missing_are_told_to_all_rooms(event: dict[str, Any] | None) -> None:
    assert hints.read_hint(event) == hints.MISSED
    assert hints.read_pool_hint(event).op == "missed"
    assert not hints.stays_in_place(event)
    assert hints.rooms_for(hints.MISSED, ["scraper eu"]) == {"all", "scraper eu"}


@pytest.mark.parametrize(
    ("changed", "op", "stays"),
    [
        ({"revision": 2}, "update", True),
        ({"revision": 2, "pool": "eu"}, "update", False),
        ({}, "release", True),
    ],
)
def test_an_update_is_a_users_change_a_move_or_a_release(
    changed: dict[str, Any], op: str, stays: bool
) -> None:
    event = {
        "operationType": "update",
        "documentKey": {"_id": "1"},
        "updateDescription": {"updatedFields": changed},
    }
    assert hints.read_hint(event).op == op
    assert hints.stays_in_place(event) is stays


@pytest.mark.parametrize("wish", [None, {}])
def test_a_newcomer_without_a_wish_hears_of_everything(wish: Any) -> None:
    assert hints.room_of(wish) == hints.ALL


@pytest.mark.parametrize("wish", [5, "scraper", [], {"type": "datasource"}, {"type": "scraper", "pool": "/"}])
def test_a_wish_that_cannot_be_read_is_refused(wish: Any) -> None:
    with pytest.raises(Invalid):
        hints.room_of(wish)
