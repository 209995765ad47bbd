"""What is proposed for pages whose classes a build made up."""

from __future__ import annotations

import pytest

from scrapr.extraction import advice, generated
from scrapr.extraction.infer import infer
from scrapr.extraction.proposal import Proposal

LAMPS = [f"Lamp {n}" for n in range(4)]


def propose(text: str) -> Proposal:
    proposal = infer(text, "https://h.example/list")
    assert proposal is not None
    return proposal


def lamps(item: str) -> str:
    """The item once for each lamp; `{n}` is its number, `{x}` letters that differ."""
    return "".join(item.format(n=n, x="abcd"[n] * 3) for n in range(4))


def test_of_a_module_s_class_the_part_that_lasts_is_named() -> None:
    item = (
        '<p class="Item_root__3k{x}D"><b class="Item_title__aB{n}dE">Lamp {n}</b>'
        '<i class="Item_price__q9We{n}">{n}</i></p>'
    )
    proposal = propose('<p class="Nav_root__3kD9f">x</p>' + lamps(item))
    assert proposal.scope == "p[class*='Item_root__']"
    assert proposal.selector == {
        "title": "b[class*='Item_title__'] | collapse",
        "price": "i[class*='Item_price__'] | collapse",
    }


@pytest.mark.parametrize("shared", ["css-1x2y3z", "css-qwerty", "sc-htpNat kXyZab", "_1a2b3c", "_qWeRt"])
def test_a_class_that_unlike_blocks_share_does_not_widen_the_scope(shared: str) -> None:
    menu = "".join(f'<div class="{shared}"><a href="/{n}">Go {n}</a></div>' for n in range(5))
    item = f'<div class="{shared}"><h3>Lamp {{n}}</h3><a href="/l/{{n}}">more of {{n}}</a></div>'
    proposal = propose(f"<div><div>{menu}</div></div><div><div>{lamps(item)}</div></div>")
    assert [each["title"] for each in proposal.found.items] == LAMPS
    assert proposal.found.matches["scope"] == len(LAMPS)
    assert advice.look_generated(proposal.scope) is None


def test_classes_that_differ_between_items_are_passed_over_for_their_place() -> None:
    item = '<li class="css-{x}{n}a{n}"><h3>Lamp {n}</h3><a href="/{n}">more of {n}</a></li>'
    menu = "<ul><li><a href='/a'>A</a><li><a href='/b'>B</a><li><a href='/c'>C</a></ul>"
    proposal = propose(f"{menu}<main><ul>{lamps(item)}</ul></main>")
    assert proposal.scope == "main > ul > li"
    assert [each["title"] for each in proposal.found.items] == LAMPS


@pytest.mark.parametrize(
    ("attribute", "scope"),
    [
        ("itemtype='https://schema.org/Product'", "div[itemtype='https://schema.org/Product']"),
        ("data-testid='product-card'", "div[data-testid='product-card']"),
        ("role='listitem'", "div[role='listitem']"),
        ("data-sku='s{n}'", "div[data-sku]"),
    ],
)
def test_what_items_are_said_to_be_is_named_before_where_they_are(attribute: str, scope: str) -> None:
    item = f"<div class='css-{{x}}{{n}}a{{n}}' {attribute}><h3>Lamp {{n}}</h3><p>of {{n}}</p></div>"
    proposal = propose(
        f"<div><div class='css-9q8w7e'>Above</div>{lamps(item)}<div class='css-7y6t5r'>Below</div></div>"
    )
    assert proposal.scope == scope
    assert [each["title"] for each in proposal.found.items] == LAMPS


def test_attributes_of_frameworks_are_no_names() -> None:
    item = "<div data-v-abcdefab data-reactid='{n}'><h3>Lamp {n}</h3><p>of {n}</p></div>"
    assert propose(f"<section>{lamps(item)}</section>").scope == "section > div"


def test_a_made_up_class_is_named_where_nothing_else_tells_and_is_told_of() -> None:
    menu = "".join(f'<div class="css-1x2y3z"><p>Go {n}</p></div>' for n in range(3))
    item = '<div class="css-9k8j7h"><p>Lamp {n} of copper and of glass</p></div>'
    proposal = propose(f"<div><div>{menu}</div><div>{lamps(item)}</div></div>")
    assert proposal.scope == "div.css-9k8j7h"
    assert len(proposal.found.items) == len(LAMPS)
    assert advice.look_generated(proposal.scope) is not None


def test_elements_of_an_item_that_only_a_made_up_class_tells_apart_are_fields() -> None:
    item = '<li><span class="css-a1b2c3">Lamp {n}</span><span class="css-d4e5f6">{n},50 €</span></li>'
    proposal = propose(f"<ul>{lamps(item)}</ul>")
    assert proposal.selector == {
        "text": "span.css-a1b2c3 | collapse",
        "price": "span.css-d4e5f6 | collapse",
    }


def test_lasting_classes_come_before_made_up_ones() -> None:
    item = '<li class="css-1x2y3z product"><b class="sc-bdVaJa kXyzab name">Lamp {n}</b></li>'
    proposal = propose(f"<ul>{lamps(item)}</ul>")
    assert (proposal.scope, proposal.selector) == ("li.product", {"name": "b.name | collapse"})


def test_items_with_one_of_two_classes_are_found_all() -> None:
    rows = "".join(
        f"<li class='{'plain' if n % 2 else 'other'}'><b>Lamp {n}</b><i>{n}</i></li>" for n in range(6)
    )
    assert len(propose(f"<ul>{rows}</ul>").found.items) == 6


def test_names_of_elements_may_hold_a_colon() -> None:
    assert len(propose(lamps("<o:p><b>Lamp {n}</b></o:p>")).found.items) == len(LAMPS)


@pytest.mark.parametrize(
    ("name", "lasting"),
    [
        ("Item_root__3kD9f", "Item_root__"),
        ("item-module--root--3kD9f", "item-module--root--"),
        ("block_part__title", ""),
        ("block__element--isOpen", ""),
        ("css-1x2y3z", ""),
    ],
)
def test_the_part_of_a_module_s_class_that_lasts(name: str, lasting: str) -> None:
    assert generated.stem(name) == lasting


def test_the_second_class_of_styled_components_is_made_up_too() -> None:
    assert generated.among(["sc-bdVaJa", "ehtpnat", "card-title"]) == ["sc-bdVaJa", "ehtpnat"]
