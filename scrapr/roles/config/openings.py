"""What a posted configuration leaves open: whether its placeholders and its inputs fit each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scrapr.extraction import template
from scrapr.model import inputs, placeholders
from scrapr.model.errors import FieldError, Invalid
from scrapr.model.inputs import Input, Value
from scrapr.model.placeholders import Misplaced
from scrapr.model.validation import parse

PARTS = ("scope", "selector", "paginate")
IN_SELECTOR = r"one of the inputs; \7b for the sign { itself"
IN_SOURCE = "one of the inputs; %7B for the sign { itself"


def wrong_openings(body: dict[str, Any]) -> Iterator[FieldError]:
    """Placeholders without an input, inputs without a placeholder, and placeholders that stand in a wrong place."""
    scraper, declared = body.get("scraper"), body.get("inputs")
    if not isinstance(scraper, dict) or not isinstance(declared, dict | None):
        return
    names = frozenset(declared or ())
    used = set[str]()
    for path, text, found in _openings(scraper, names):
        used |= {opening.name for opening in found} | _names(path, text)
        yield from (_misplaced(path, opening) for opening in found)
        for name in _names(path, text) - names:
            allowed = IN_SOURCE if path == "scraper.source" else IN_SELECTOR
            yield FieldError(field=path, problem=f"{{{name}}} is no declared input", allowed=allowed)
    for name in sorted(names - used):
        problem = "stands nowhere in the source or the selectors"
        yield FieldError(field=f"inputs.{name}", problem=problem, allowed=f"{{{name}}} in one of them")
    yield from _wrong_defaults(scraper.get("source"), declared or {})


def _openings(scraper: dict[str, Any], names: frozenset[str]) -> Iterator[tuple[str, str, list[Misplaced]]]:
    source = scraper.get("source")
    if isinstance(source, str):
        yield "scraper.source", source, list(placeholders.misplaced(source))
    for part in PARTS:
        for path, text in template.texts(scraper.get(part), f"scraper.{part}"):
            yield path, text, list(template.misplaced(text, names))


def _names(path: str, text: str) -> set[str]:
    if path == "scraper.source":
        return set(placeholders.names(text))
    return {hole.name for hole in template.holes(text)}


def _misplaced(path: str, opening: Misplaced) -> FieldError:
    return FieldError(
        field=path,
        problem=f"{{{opening.name}}} {opening.problem}",
        allowed=opening.allowed,
        position=opening.position,
    )


def _wrong_defaults(source: Any, declared: dict[str, Any]) -> Iterator[FieldError]:
    """Defaults that fit their inputs and not the place in the source where they come to stand."""
    if not isinstance(source, str):
        return
    texts = {name: inputs.show(default) for name, default in _defaults(declared)}
    try:
        placeholders.fill_source(source, texts)
    except Invalid as error:
        for fault in error.fields:
            yield fault.model_copy(update={"field": f"{fault.field}.default"})


def _defaults(declared: dict[str, Any]) -> Iterator[tuple[str, Value]]:
    for name, value in declared.items():
        try:
            default = parse(Input, value).default
        except Invalid:
            continue  # what is wrong with the input itself was found when the whole was read
        if default is not None:
            yield name, default
