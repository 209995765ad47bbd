"""Which pages are guessed, and how far ahead."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapr.roles.scraper.ahead import MISSES_MOST, STEP_MOST, Foresight, guess

SITE = "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    ("before", "after", "guesses"),
    [
        ("/p?page=1", "/p?page=2", ("/p?page=3", "/p?page=4")),
        ("/p1.html", "/p2.html", ("/p3.html", "/p4.html")),
        ("/list?start=0&n=20", "/list?start=20&n=20", ("/list?start=40&n=20", "/list?start=60&n=20")),
        ("/p?page=1&from=10", "/p?page=2&from=20", ("/p?page=3&from=30", "/p?page=4&from=40")),
        ("/p08", "/p09", ("/p10", "/p11")),
        ("/p9", "/p10", ("/p11", "/p12")),
        ("/archive/3", "/archive/2", ("/archive/1", "/archive/0")),
        ("/archive/2", "/archive/1", ("/archive/0",)),
        ("/a", "/b", ()),
        ("/a", "/a?page=2", ()),
        ("/a?page=1", "/b?page=2", ()),
        ("/a?page=1", "/a?page=1", ()),
        ("/a?id=1", f"/a?id={STEP_MOST + 2}", ()),
    ],
)
def test_links_go_on_as_they_began(before: str, after: str, guesses: tuple[str, ...]) -> None:
    assert guess(SITE + before, SITE + after, 2) == tuple(SITE + each for each in guesses)


def test_numbers_of_the_host_are_no_pattern() -> None:
    assert guess("http://www1.site/a", "http://www2.site/a", 3) == ()
    assert guess("http://site:8080/1", "http://site:8081/2", 3) == ()


def test_nothing_is_guessed_before_the_first_page() -> None:
    assert guess("", f"{SITE}/p1", 3) == ()


@given(
    first=st.integers(0, 10**6),
    step=st.integers(1, STEP_MOST),
    count=st.integers(0, 20),
    form=st.sampled_from(["/p{}.html", "/?page={}", "/{}/list?x=7&y=", "/a/{}#{}"]),
)
def test_any_even_step_is_continued(first: int, step: int, count: int, form: str) -> None:
    urls = [SITE + form.format(*[first + step * n] * 2) for n in range(count + 2)]
    assert guess(urls[0], urls[1], count) == tuple(urls[2:])


@given(before=st.text(max_size=60), after=st.text(max_size=60), count=st.integers(0, 5))
def test_no_text_breaks_it_and_guesses_are_new_and_at_the_same_place(
    before: str, after: str, count: int
) -> None:
    guesses = guess(f"{SITE}/{before}", f"{SITE}/{after}", count)
    assert len(set(guesses)) == len(guesses) <= count
    assert all(each.startswith(f"{SITE}/") for each in guesses)
    assert f"{SITE}/{after}" not in guesses


def test_a_run_looks_further_ahead_while_its_guesses_are_right() -> None:
    foresight, reaches = Foresight(most=7), []
    for _ in range(5):
        reaches.append(foresight.reach)
        foresight = foresight.hit(waited=False, size=100)
    assert reaches == [1, 2, 4, 7, 7]


def test_a_host_that_makes_wait_is_not_asked_for_more_ahead() -> None:
    foresight = Foresight(most=8, depth=8)
    for _ in range(5):
        foresight = foresight.hit(waited=True, size=100)
    assert foresight.reach == 1


def test_large_pages_are_not_held_in_numbers() -> None:
    assert Foresight(most=8, depth=8).hit(waited=False, size=3_000_000).reach == 1


def test_wrong_guesses_end_the_guessing() -> None:
    foresight = Foresight(most=8, depth=8)
    for _ in range(MISSES_MOST):
        assert foresight.reach > 0
        foresight = foresight.miss()
    assert foresight.reach == 0


def test_without_room_nothing_is_guessed() -> None:
    assert Foresight(most=0).reach == 0
