"""What is remembered of pages, and for how long."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scrapr.model import times
from scrapr.model.configuration import Configuration
from scrapr.roles.scraper.memory import Known, Memory, decode, name_of


def known(url: str = "http://site/1", next_url: str | None = None, read_at: float = 100.0) -> Known:
    return Known(url, '"tag"', None, "ab12", next_url, 3, "run1", read_at)


def configuration(**changes: object) -> Configuration:
    values = {
        "id": "c1",
        "type": "scraper",
        "collection": "things",
        "scraper": {"source": "http://site/", "selector": {"title": "h3"}},
        "created_at": times.now(),
        "updated_at": times.now(),
    }
    return Configuration.model_validate(values | changes)


@given(st.builds(Known, *[st.text()] * 5, st.integers(0, 2**31), st.text(), st.floats(0, 1e12)))
def test_what_is_stored_is_read_again(page: Known) -> None:
    assert decode(page.encode()) == page


def test_what_another_version_stored_is_not_read() -> None:
    assert decode(b'["too", "short"]') is None
    assert decode(b"no json") is None


def test_what_was_read_too_long_ago_is_not_believed() -> None:
    memory = Memory({"a": known(read_at=99), "b": known(read_at=101)}, since=100)
    assert memory.recall("a") is None
    assert memory.recall("b") is not None


def test_the_way_of_the_last_run_is_remembered() -> None:
    memory = Memory({"a": known(next_url="b"), "b": known(next_url="c"), "c": known(next_url=None)})
    assert list(memory.chain("a", 5)) == ["b", "c"]
    assert list(memory.chain("a", 1)) == ["b"]
    assert list(memory.chain("x", 5)) == []


def test_a_circle_ends_where_it_is_long_enough() -> None:
    memory = Memory({"a": known(next_url="a")})
    assert list(memory.chain("a", 3)) == ["a", "a", "a"]


def test_a_whole_run_forgets_the_pages_that_it_did_not_come_by() -> None:
    memory = Memory({"a": known(), "b": known(), "c": known()}, most=10)
    memory.confirm("a")
    memory.learn("b", known(read_at=200))
    assert memory.news(whole=True).forgotten == ("c",)
    assert memory.news(whole=True).learned == {"b": known(read_at=200)}


def test_any_other_run_forgets_the_pages_that_changed_and_learns_new_ones() -> None:
    memory = Memory({"a": known(), "b": known(), "c": known()}, most=10)
    memory.confirm("a")
    memory.learn("b", known(read_at=200))
    memory.learn("new", known(read_at=200))
    news = memory.news(whole=False)
    assert (news.forgotten, news.learned) == (("b",), {"new": known(read_at=200)})


def test_no_more_pages_are_remembered_than_allowed() -> None:
    memory = Memory({"old": known()}, most=2)
    for name in "abc":
        memory.learn(name, known())
    news = memory.news(whole=False)
    assert list(news.learned) == ["a", "b"]
    assert news.forgotten == ("old",)


def test_pages_are_remembered_apart_where_they_may_give_other_items() -> None:
    name = name_of(configuration())
    assert name == name_of(configuration(ttl=7, container="x"))
    assert name != name_of(configuration(revision=2))
    assert name != name_of(configuration(id="c2"))
    other = {"source": "http://site/", "selector": {"title": "h4"}}
    assert name != name_of(configuration(scraper=other))
