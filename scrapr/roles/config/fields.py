"""Which fields a selector gives its items, and whether `key`, `collect` and `fields` fit them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from scrapr.extraction import template
from scrapr.extraction.rules import compile_rules
from scrapr.model.errors import FieldError

KEY = "title"
VALUE = "value"
"""The only field of an item whose selector is no object."""
NO_FIELD = "the selector has no such field"


def read_fields(body: dict[str, Any]) -> tuple[str, ...] | None:
    """The fields of the items that a posted `body` describes; None where it names no selector.

    Whether its placeholders are right is not asked here: any letters stand for them.
    Raises `Invalid` with every wrong selector.
    """
    scraper = body.get("scraper")
    if not isinstance(scraper, dict):
        return None
    scope, paginate = _sample(scraper.get("scope")), _sample(scraper.get("paginate"))
    # An object without fields fits every scope: where the selector is missing, the others are judged alone.
    selector = template.sample(scraper.get("selector", {}))
    known = compile_rules(selector, scope=scope, paginate=paginate, field="scraper").fields
    return known if "selector" in scraper else None


def misfits(body: dict[str, Any], known: Sequence[str]) -> Iterator[FieldError]:
    """What in `key`, `collect` and `fields` does not fit the `known` fields."""
    yield from _wrong_key(body.get("key"), known)
    yield from _wrong_collect(body.get("collect"), known)
    rules = body.get("fields")
    for name in rules if isinstance(rules, dict) else ():
        if isinstance(name, str) and name not in known:
            yield FieldError(field=f"fields.{name}", problem=NO_FIELD, allowed=_names(known))


def default_key(known: Sequence[str] | None) -> tuple[str, ...] | None:
    """The key to store where none is given; None stands for the thesis's, `title`."""
    return (VALUE,) if known and KEY not in known else None


def _names(known: Sequence[str]) -> str:
    return ", ".join(known) or "none: give the selector fields first"


def _sample(value: Any) -> str | None:
    sample = template.sample(value) if isinstance(value, str) else None
    return sample if isinstance(sample, str) else None


def _wrong_key(key: Any, known: Sequence[str]) -> Iterator[FieldError]:
    allowed = _names(known)
    if key is None and KEY not in known and tuple(known) != (VALUE,):
        problem = "the selector has no field title; name the fields that identify an item"
        yield FieldError(field="key", problem=problem, allowed=allowed)
    for place, name in enumerate(key if isinstance(key, list) else ()):
        if isinstance(name, str) and name not in known:
            yield FieldError(field=f"key[{place}]", problem=NO_FIELD, allowed=allowed)


def _wrong_collect(collect: Any, known: Sequence[str]) -> Iterator[FieldError]:
    taken: dict[str, str] = {}
    for name, gathered in collect.items() if isinstance(collect, dict) else ():
        place = f"collect.{name}"
        if name not in known:
            yield FieldError(field=place, problem=NO_FIELD, allowed=_names(known))
        elif isinstance(gathered, str) and gathered != name and gathered in known:
            yield FieldError(
                field=place, problem=f"{gathered} is a field of the selector, too", allowed="a new name"
            )
        elif isinstance(gathered, str) and taken.setdefault(gathered, name) != name:
            yield FieldError(
                field=place, problem=f"{gathered} gathers {taken[gathered]} already", allowed="a new name"
            )
