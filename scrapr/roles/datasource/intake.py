"""What is posted to `/items` becomes a batch or the end of a run, or is refused naming each wrong place.

Items are not validated one by one with pydantic: that halves the throughput. Here only what MongoDB cannot keep
is looked for: too deep, a NUL in a key, a whole number beyond 64 bits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import islice
from typing import Any

from scrapr.model.batch import Batch, Run
from scrapr.model.errors import FieldError, Invalid
from scrapr.model.item import Item
from scrapr.model.validation import parse, path

DEPTH = 64
"""Levels of lists and objects in an item; MongoDB takes 100 in a document."""
TOGETHER = 1000
"""Batches in one request at most."""
TOLD = 10
"""Wrong places that are told at most."""
BIG = 2**63
SCALARS = frozenset((str, bool, type(None)))
FLAT = SCALARS | {int, float}
LONG_DIGITS = re.compile(rb"-?\d{19,}")
"""orjson reads whole numbers beyond 64 bits as floats, so they can only be told apart in the text."""


def understand(value: Any, text: bytes, *, newer: bool = False) -> Batch | Run | tuple[Batch, ...]:
    """The batch or run that `value` is, or the batches, parsed from `text`. Raises `Invalid`.

    A `newer` scraper may say more of them than is understood here.
    """
    inspection = _Inspection(text, newer=newer)
    return _understand_all(value, inspection) if isinstance(value, list) else _understand(value, inspection)


def _understand_all(values: list[Any], inspection: _Inspection) -> tuple[Batch, ...]:
    if not 1 <= len(values) <= TOGETHER:
        raise Invalid(
            FieldError(field="", problem=f"has {len(values)} batches", allowed=f"1 to {TOGETHER} together")
        )
    batches, wrong = [], []
    for number, value in enumerate(values):
        try:
            read = _understand(value, inspection)
        except Invalid as error:
            wrong += [each.model_copy(update={"field": _within(number, each.field)}) for each in error.fields]
        else:
            if isinstance(read, Batch):
                batches.append(read)
            else:
                end = FieldError(field=f"[{number}]", problem="is the end of a run", allowed="a batch")
                wrong.append(end)
    if wrong:
        raise Invalid(*wrong[:TOLD])
    return tuple(batches)


def _within(number: int, field: str) -> str:
    return f"[{number}].{field}" if field and not field.startswith("[") else f"[{number}]{field}"


def _understand(value: Any, inspection: _Inspection) -> Batch | Run:
    if not isinstance(value, dict):
        return parse(Batch, value, newer=inspection.newer)
    data = value.get("data")
    head = {**value, "data": []} if isinstance(data, list) else value
    places = [*inspection.find(head, ())]
    if isinstance(data, list):
        places += islice(_wrong_places(data, inspection), TOLD)
    kind: type[Batch | Run] = Run if "finished" in value else Batch
    try:
        read = parse(kind, value if kind is Run else head, newer=inspection.newer)
    except Invalid as error:
        raise Invalid(*error.fields, *places) from error
    if places:
        raise Invalid(*places)
    return read.model_copy(update={"data": data}) if isinstance(read, Batch) else read


def _wrong_places(data: list[Any], inspect: _Inspection) -> Iterator[FieldError]:
    for number, item in enumerate(data):
        if type(item) is not dict:
            yield FieldError(
                field=path(("data", number)), problem=f"is {_shown(item)}", allowed="an object with fields"
            )
        elif not inspect.passes(item):
            yield from inspect.find(item, ("data", number))


class _Inspection:
    """Looks through the items of one body; the fast answer first, the places only where there are some."""

    def __init__(self, text: bytes, *, newer: bool) -> None:
        self.newer = newer
        self._nul = b"\\u0000" in text
        self._text = text

    @cached_property
    def _long(self) -> frozenset[float]:
        """What whole numbers that may be too long for 64 bits were read as; looked for when there are numbers."""
        return frozenset(float(digits) for digits in LONG_DIGITS.findall(self._text))

    def passes(self, item: Item) -> bool:
        """Whether `item` is flat and harmless, which nearly all are."""
        if self._nul:
            return False
        return self._are_harmless(item.values())

    def _are_harmless(self, values: Iterable[Any]) -> bool:
        kinds = set(map(type, values))
        return kinds <= SCALARS or (kinds <= FLAT and not self._long)

    def find(self, value: Any, place: tuple[str | int, ...], depth: int = 1) -> Iterator[FieldError]:
        """Each place within `value` that MongoDB cannot keep."""
        if isinstance(value, dict | list):
            if depth > DEPTH:
                yield FieldError(
                    field=path(place), problem="is nested too deeply", allowed=f"up to {DEPTH} levels"
                )
                return
            if isinstance(value, list) and self._are_harmless(value):
                return
            for name, part in value.items() if isinstance(value, dict) else enumerate(value):
                if isinstance(name, str) and "\0" in name:
                    yield FieldError(
                        field=path(place), problem="has a key with a NUL in it", allowed="keys without NUL"
                    )
                yield from self.find(part, (*place, name), depth + 1)
        elif self._is_too_big(value):
            yield FieldError(
                field=path(place),
                problem="is a whole number beyond 64 bits",
                allowed=f"{-BIG} to {BIG - 1}, or text",
            )

    def _is_too_big(self, value: Any) -> bool:
        if isinstance(value, float):
            return value in self._long and not -BIG < value < BIG
        return isinstance(value, int) and not -BIG <= value < BIG


def _shown(value: Any) -> str:
    return {list: "a list", str: "text", type(None): "null", bool: "true or false"}.get(
        type(value), "a number"
    )
