"""A page that would be dear to parse is known before it is parsed, and an ordinary one is not suspected."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from scrapr.fetching import suspicion
from scrapr.fetching.suspicion import TAG_LONGEST
from scrapr.fetching.suspicion import suspicion as suspect

ITEM = (
    '<li class="item"><a href="/x?a=1&b=2" title=\'it"s > this\'>A <b>name</b></a> <span>1,50 €</span></li>\n'
)
ORDINARY = "<!DOCTYPE html><html><head><title>x</title></head><body><ul>" + ITEM * 300 + "</ul></body></html>"
BARE = [f"a{n}" for n in range(40_000)]


@pytest.mark.parametrize(
    "text",
    ["", "x", "<", ORDINARY, "x " * 100_000, "<p>" + "lorem ipsum " * 20_000, "&amp;" * 100_000, "<p>x</p>" * 2_900,
     ORDINARY.replace("<ul>", "<script>" + '{"a": [1, "b", \'c\'], "d": "e"}, ' * 4_000 + "</script><ul>"),
     ORDINARY.replace("<ul>", "<style>" + ".a { color: red }" * 4_000 + "</style><ul>"),
     ORDINARY.replace("<ul>", "<!-- " + "it's \"commented\" out " * 4_000 + "--><ul>"),
     '<img src="data:image/png;base64,' + "A" * 500_000 + '">' + ORDINARY,
     "<p data-json='" + '{"a": "<x>", "b": "=>", "c": 1}' * 1_500 + "'>" + ORDINARY[:10_000],
     '<svg><path d="' + "M 0 1 L 2 3 " * 20_000 + '"/></svg>', ITEM * 300 + "<p unclosed" + " a" * 1_000,
     '<img src="x.png">' * 2_000, "it's a page without any markup, isn't it? " * 10_000],
)  # fmt: skip
def test_an_ordinary_page_is_not_suspected(text: str) -> None:
    assert suspect(text) is None


@pytest.mark.parametrize(
    "text",
    ["<div>" * 100_000, "<ul><li>" * 10_000, "<template>" * 100_000, "<div>" * 10_000 + "</div>" * 10_000,
     "<div></x>" * 10_000, "<div><!--</div>-->" * 10_000, "".join(f"<html a{n}>" for n in range(10_000)),
     "<" * 1_000_000,     "<DIV>" * 10_000, "<a b='</a>'>" * 10_000],
)  # fmt: skip
def test_very_many_tags_are_suspected(text: str) -> None:
    assert "tags" in (suspect(text) or "")


@pytest.mark.parametrize(
    "name",
    ["b", "i", "s", "u", "em", "tt", "big", "font", "code", "small", "strike", "strong", "B", "Em", "STRONG"],
)
@pytest.mark.parametrize("gap", [" ", "\n", "\t", "/", "\f"])
def test_formatting_that_is_opened_again_and_again_is_suspected(name: str, gap: str) -> None:
    page = "<p>" + "".join(f"<{name}{gap}id={n}>" for n in range(2_000)) + "</p>" + "<p>x" * 2_000
    assert "formatting" in (suspect(page) or "")


LONG_TAGS = {
    "bare": "<p " + " ".join(BARE) + ">",
    "unclosed": "<p " + " ".join(BARE),
    "slashes": "<p/" + "/".join(BARE) + ">",
    "double quotes": "<p " + " ".join(f'{name}=">"' for name in BARE) + ">",
    "single quotes": "<p " + " ".join(f"{name}='<a>'" for name in BARE) + ">",
    "no spaces": "<p " + "".join(f'{name}=">"' for name in BARE) + ">",
    "unquoted": "<p " + " ".join(f"{name}=1" for name in BARE) + ">",
    "quote within unquoted": "<p " + " ".join(f'{name}=b=" c{name}=" >"' for name in BARE) + ">",
    "spaces around": "<p " + " ".join(f'{name} = \n ">"' for name in BARE) + ">",
    "equals first": "<p " + " ".join(f'={name}=">"' for name in BARE) + ">",
    "quotes in names": "<p " + " ".join(f"{name}\"' b{name}='>'" for name in BARE) + ">",
    "like normal markup": "<p " + " ".join(f"{name}=\"</a> <li class='x'>\"" for name in BARE) + ">",
    "after a long value": '<p style="' + "x>'y " * 6_000 + '" ' + " ".join(BARE) + ">",
    "after long single quotes": "<p style = '" + 'x>"y ' * 6_000 + "' " + " ".join(BARE) + ">",
    "in a comment's shadow": '<!-- <x a=" -->' + "<p " + " ".join(BARE) + ">",
    "in a value's shadow": '<x a="<y b=">"' + "<p " + " ".join(BARE) + ">",
    "in a script's shadow": "<script>'<z \"</script>" + "<p " + " ".join(BARE) + ">",
}


@pytest.mark.parametrize("name", LONG_TAGS)
@pytest.mark.parametrize("shift", [0, 1, 2, 3, 4090, 8191])
def test_very_many_attributes_are_suspected_however_they_are_hidden(name: str, shift: int) -> None:
    for page in (LONG_TAGS[name], ORDINARY[:12_000] + "x" * shift + LONG_TAGS[name] + ORDINARY):
        assert suspect(page) is not None


UNITS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", '"', "'", "x'", "=c", 'd"e', "ü", "<", "</a"]),
        st.sampled_from(
            ["", "=1", '=">"', "='>'", '="\'"', "='\"'", " = '>'", '=b"c', "=x", '="</a>"', "/", " =\n"]
        ),
        st.sampled_from(["", " ", "\n", "/", ">", "  "]),
    ),
    min_size=1,
    max_size=5,
)
BEFORE = ["", "<p>", ITEM * 40, "'", '"', "x" * 5_000, "<!--", "<script>", "<x y='", "</a>" * 300]


@settings(max_examples=100, deadline=None)
@given(UNITS, st.sampled_from(BEFORE), st.integers(0, 9))
def test_a_tag_that_the_parser_gives_many_attributes_is_suspected(
    units: list[tuple[str, str, str]], before: str, shift: int
) -> None:
    parts: list[str] = []
    while len(parts) < 10_000:
        parts += [f"{name}{len(parts)}{value}{gap}" for name, value, gap in units]
    page = before + "y" * shift + "<p " + "".join(parts)[:60_000] + ">" + ITEM * 10
    # 6,000 attributes of four characters at the least fit into what is not looked at.
    if suspect(page) is None:
        assert max(len(node.attributes) for node in LexborHTMLParser(page).css("*")) <= 6_000


@given(st.text(alphabet="<>\"'=/ abp\n!-", max_size=400), st.integers(1, 2_000))
def test_no_page_takes_long_to_judge(piece: str, times: int) -> None:
    text = (piece * times)[:200_000]
    started = time.perf_counter()
    suspect(text)
    assert time.perf_counter() - started < 5  # quadratic time would be minutes


@pytest.mark.parametrize(
    "text",
    ["<a " * 1_900 + "x" * 10_000_000, '<a "' * 1_900 + "x" * 10_000_000, "<a b='" * 1_900 + "x" * 10_000_000,
     ("<a b=" + "x" * 5_000) * 1_900, ('<a b="' + "x" * 5_000) * 1_900, "x" * 10_000_000, " " * 10_000_000,
     "'" * 10_000_000,      '"' * 10_000_000, "=" * 10_000_000, "a=" * 5_000_000, "/" * 10_000_000,
     "<a " * 5_999 + " " * 10_000_000],
    ids=range(13),
)  # fmt: skip
def test_ten_megabytes_are_judged_in_linear_time(text: str) -> None:
    started = time.perf_counter()
    suspect(text)
    assert time.perf_counter() - started < 20  # quadratic time would be hours


@pytest.mark.parametrize("quote", ['"', "'"])
@pytest.mark.parametrize("spaces", [0, 1, 100])
@pytest.mark.parametrize("shift", range(0, suspicion._STRIDE, 1_024))
def test_attributes_between_long_values_are_suspected_wherever_these_stand(
    quote: str, spaces: int, shift: int
) -> None:
    """Values that cover the places that are looked at, with many attributes in what lies between them."""
    attributes = "".join(f"a{number} " for number in range(450))
    parts = ["<p ", "x" * shift]
    for number in range(20):
        head = f" v{number}={' ' * spaces}{quote}"
        long = suspicion._STRIDE - len(head) - len(attributes) - 2
        parts += [head, ("x>" * long)[:long], quote, " ", attributes]
    assert suspect("".join(parts) + ">" + ORDINARY) is not None


def test_the_stretches_leave_no_gap() -> None:
    assert suspicion._STRIDE + suspicion._SEARCH + suspicion._REACH <= TAG_LONGEST
