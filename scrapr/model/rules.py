"""What a configuration declares of its items' fields, and which of an item's fields break it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, model_validator
from yarl import URL

from scrapr.model.change import same
from scrapr.model.errors import FieldError
from scrapr.model.item import JSON, Item
from scrapr.model.pattern import check_pattern, compile_pattern
from scrapr.model.validation import wrong

Kind: TypeAlias = Literal["text", "number", "integer", "boolean", "date", "url", "list", "object"]
EMPTY: tuple[JSON, ...] = (None, "", [], {})
"""What says nothing: it breaks no rule but `required`."""
SHOWN = 10
"""Allowed values that a fault lists at most."""
_WORDS: Mapping[Kind, str] = {
    "text": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "date": "a date or time as in ISO 8601",
    "url": "an absolute http or https URL",
    "list": "a list",
    "object": "an object",
}
_FITTING: Mapping[Kind, frozenset[str]] = {
    "text": frozenset({"pattern", "max_length"}),
    "number": frozenset({"minimum", "maximum"}),
    "integer": frozenset({"minimum", "maximum"}),
    "boolean": frozenset(),
    "date": frozenset(),
    "url": frozenset({"pattern", "max_length"}),
    "list": frozenset({"max_length"}),
    "object": frozenset(),
}


def _is_date(value: JSON) -> bool:
    try:
        return isinstance(value, str) and bool(datetime.fromisoformat(value))
    except ValueError:
        return False


def _is_url(value: JSON) -> bool:
    try:
        url = URL(value) if isinstance(value, str) else URL()
    except ValueError:
        return False
    return url.scheme in {"http", "https"} and bool(url.host)


_IS: Mapping[Kind, Callable[[JSON], bool]] = {
    "text": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "date": _is_date,
    "url": _is_url,
    "list": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


class FieldRule(BaseModel):
    """What one field of an item must be. Without `type` it may be anything.

    `pattern` is in RE2's syntax and must match the whole text; `max_length` counts characters of a text, or a list's
    values. A value that says nothing (null, empty) is wrong only where the field is `required`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Kind | None = None
    required: StrictBool = False
    allowed: Annotated[tuple[JSON, ...], Field(min_length=1, max_length=1000)] | None = None
    pattern: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    max_length: Annotated[StrictInt, Field(ge=1, le=1_000_000)] | None = None
    minimum: StrictInt | StrictFloat | None = None
    maximum: StrictInt | StrictFloat | None = None
    description: Annotated[str, Field(max_length=500)] | None = None

    @model_validator(mode="after")
    def _check_parts(self) -> FieldRule:
        fitting = _FITTING[self.type] if self.type else frozenset[str]()
        for name in ("pattern", "max_length", "minimum", "maximum"):
            if getattr(self, name) is not None and name not in fitting:
                kinds = ", ".join(kind for kind, names in _FITTING.items() if name in names)
                raise wrong(
                    f"has no place in a field of type {self.type or 'any'}",
                    allowed=f"with type {kinds}",
                    field=name,
                )
        if self.pattern is not None:
            check_pattern(self.pattern)
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise wrong("is less than the minimum", allowed=f"from {self.minimum}", field="maximum")
        judge = self.model_copy(update={"allowed": None})
        for place, value in enumerate(self.allowed or ()):
            if (fault := judge.fault(value)) is not None:
                raise wrong(fault, allowed=judge.describe(), field=f"allowed[{place}]")
        return self

    def fault(self, value: JSON) -> str | None:
        """What is wrong with a value that says something; None if nothing is."""
        if self.type is not None and not _IS[self.type](value):
            return f"is not {_WORDS[self.type]}"
        if self.allowed is not None and not any(same(value, each) for each in self.allowed):
            return "is not one of the allowed values"
        if isinstance(value, str | list) and self.max_length is not None and len(value) > self.max_length:
            return f"is longer than {self.max_length}"
        if isinstance(value, str):
            found = self.pattern is None or compile_pattern(self.pattern).fullmatch(value)
            return None if found else f"does not match {self.pattern}"
        return self._out_of_range(value)

    def _out_of_range(self, value: JSON) -> str | None:
        if isinstance(value, int | float):
            if self.minimum is not None and value < self.minimum:
                return f"is less than {self.minimum}"
            if self.maximum is not None and value > self.maximum:
                return f"is more than {self.maximum}"
        return None

    def describe(self) -> str:
        """What a value may be, in words."""
        if self.allowed is not None:
            more = f" … ({len(self.allowed)} in all)" if len(self.allowed) > SHOWN else ""
            return ", ".join(map(str, self.allowed[:SHOWN])) + more
        words = _WORDS[self.type] if self.type else "any value"
        words += "" if self.max_length is None else f" up to {self.max_length} long"
        words += "" if self.pattern is None else f" like {self.pattern}"
        words += "" if self.minimum is None else f" from {self.minimum}"
        return words + ("" if self.maximum is None else f" up to {self.maximum}")


def find_faults(item: Item, rules: Mapping[str, FieldRule]) -> Iterator[FieldError]:
    """Each field of `item` that breaks its rule."""
    for name, rule in rules.items():
        value = item.get(name)
        if value in EMPTY and not isinstance(value, bool | int | float):
            if rule.required:
                yield FieldError(field=name, problem="is missing", allowed=rule.describe())
        elif (fault := rule.fault(value)) is not None:
            yield FieldError(field=name, problem=fault, allowed=rule.describe())


class Removal(BaseModel):
    """When a run that ended removes the records that it did not see.

    A run that sees fewer records than there were, by more than the part `fall` of them, counts as broken and removes
    nothing. 0: it must see at least as many; 1: a complete run that sees any removes all others.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fall: Annotated[float, Field(ge=0, le=1, description="part by which what a run sees may fall")] = 0.5
