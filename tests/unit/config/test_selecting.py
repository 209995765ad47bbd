from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scrapr.model.configuration import Configuration
from scrapr.model.times import now
from scrapr.roles.config import claiming, selecting
from scrapr.roles.config.selecting import Selection


def configuration(number: int) -> Configuration:
    return Configuration(
        id=f"{number:03}", type="endpoint", collection=f"c{number}", created_at=now(), updated_at=now()
    )


def test_nothing_asked_for_is_everything() -> None:
    assert selecting.where(Selection()) == {}


def test_null_means_held_by_nobody_now_and_a_name_means_held_now() -> None:
    assert selecting.where(Selection(container="null")) == claiming.free()
    assert selecting.where(Selection(container="me")) == {"container": "me", **claiming.held()}


@given(st.integers(0, 12), st.integers(1, 5))
def test_page_after_page_shows_each_configuration_once(count: int, limit: int) -> None:
    stored = [configuration(number) for number in range(count)]
    seen: list[Configuration] = []
    after: str | None = ""
    while after is not None:
        found = tuple(each for each in stored if each.id > after)[: limit + 1]
        page = selecting.page(found, limit)
        seen += page.configurations
        after = page.next
    assert seen == stored
