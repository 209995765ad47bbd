"""What an earlier holder of a claim sent counts only until a later holder's is reduced."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scrapr.roles.datasource.lateness import find_grown
from scrapr.roles.datasource.reduce import fold
from scrapr.roles.datasource.standing import Page, Standing

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
EPOCHS = st.lists(st.tuples(st.sampled_from(["x", "y", None]), st.one_of(st.none(), st.integers(1, 4))))


def page(number: int, configuration: str | None, epoch: int | None, **parts: Any) -> Page:
    items: list[Any] = [{"title": configuration or "by hand", "n": number}]
    return Page(f"r:{number}", f"r{epoch}", items, NOW, configuration, epoch=epoch, **parts)


@given(EPOCHS)
def test_a_page_has_effect_unless_a_later_holders_page_came_before(told: list[Any]) -> None:
    pages = [page(number, *each) for number, each in enumerate(told)]
    greatest: dict[Any, int] = {}
    heard = []
    for number, (who, epoch) in enumerate(told):
        is_held = who is not None and epoch is not None
        if not is_held or epoch >= greatest.get(who, 0):
            heard.append(number)
        if is_held:
            greatest[who] = max(greatest.get(who, 0), epoch)
    folded = fold(Standing("c"), {}, pages, most=9)
    assert [(change.after or {})["n"] for change in folded.changes] == heard
    assert folded.after.epochs == greatest
    assert folded.after.order == len(pages)


def test_a_page_without_an_epoch_is_nobodys() -> None:
    standing = replace(Standing("c"), epochs={"x": 3})
    folded = fold(standing, {}, [page(1, "x", None), page(2, None, None)], most=9)
    assert len(folded.changes) == 2


def test_what_grew_is_told_with_its_greatest_epoch() -> None:
    standing = replace(Standing("c"), epochs={"x": 3, "y": 1})
    pages = [page(1, "x", 4), page(2, "x", 5), page(3, "x", 3), page(4, "y", 1), page(5, "z", 1)]
    assert find_grown(standing, pages) == {"x": 5, "z": 1}
