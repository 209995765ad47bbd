"""Inputs are what a configuration leaves open: declared with it, given when it runs."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from hashlib import sha256
from typing import Annotated, Any, Literal, TypeAlias

import orjson
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    model_validator,
)

from scrapr.model.errors import FieldError, Invalid
from scrapr.model.item import JSON
from scrapr.model.pattern import check_pattern, compile_pattern
from scrapr.model.placeholders import NAME
from scrapr.model.validation import wrong

Kind: TypeAlias = Literal["text", "integer", "number", "boolean"]
Value: TypeAlias = StrictBool | StrictInt | StrictFloat | StrictStr
Values: TypeAlias = Mapping[str, bool | float | str]
"""Checked values by their names: every declared input has one."""

LENGTH = 200
"""Characters of a text whose input states no `max_length`."""
SHOWN = 10
"""Allowed values that a refusal lists at most."""
WHOLE = 10**15
"""Below this a number without a fraction is written as a whole one: 100, not 100.0."""
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_NUMBER = re.compile(r"[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE][+-]?[0-9]{1,3})?", re.ASCII)
_UNSPEAKABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_FITTING: Mapping[Kind, frozenset[str]] = {
    "text": frozenset({"pattern", "max_length"}),
    "integer": frozenset({"minimum", "maximum"}),
    "number": frozenset({"minimum", "maximum"}),
    "boolean": frozenset(),
}
_ALLOWED: Mapping[Kind, str] = {
    "text": "text without control characters",
    "integer": "a whole number of up to 18 digits",
    "number": "a number",
    "boolean": "true or false",
}


class Input(BaseModel):
    """One input: its type and what its values must be; with a `default` it may be left out.

    `pattern` is in RE2's syntax and must match the whole text; `max_length` is in characters.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Kind
    default: Value | None = None
    allowed: Annotated[tuple[Value, ...], Field(min_length=1, max_length=1000)] | None = None
    pattern: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    max_length: Annotated[StrictInt, Field(ge=1, le=2000)] | None = None
    minimum: StrictInt | StrictFloat | None = None
    maximum: StrictInt | StrictFloat | None = None
    description: Annotated[str, Field(max_length=500)] | None = None

    @model_validator(mode="after")
    def _check_parts(self) -> Input:
        for name in ("pattern", "max_length", "minimum", "maximum"):
            if getattr(self, name) is not None and name not in _FITTING[self.type]:
                fitting = ", ".join(sorted(_FITTING[self.type])) or "null"
                raise wrong(f"has no place in an input of type {self.type}", allowed=fitting, field=name)
        if self.pattern is not None:
            check_pattern(self.pattern)
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise wrong("is above the maximum", allowed=f"up to {self.maximum}", field="minimum")
        for place, value in enumerate(self.allowed or ()):
            self._check_declared(value, f"allowed[{place}]", self.model_copy(update={"allowed": None}))
        if self.default is not None:
            self._check_declared(self.default, "default", self)
        return self

    @staticmethod
    def _check_declared(value: Any, field: str, judge: Input) -> None:
        try:
            same = judge.read(value) == value and isinstance(value, str) == (judge.type == "text")
        except ValueError as error:
            raise wrong(str(error), allowed=judge.describe(), field=field) from error
        if not same:
            raise wrong(f"is not of type {judge.type}", allowed=judge.describe(), field=field)

    def read(self, given: Any) -> bool | float | str:
        """`given` as a value of this input; numbers and booleans may come as texts. `ValueError` says what is wrong."""
        value = _READERS[self.type](given)
        if self.allowed is not None and value not in self._choices:
            raise ValueError("is not one of the allowed values")
        if isinstance(value, str):
            self._check_text(value)
        else:
            self._check_range(value)
        return value

    def describe(self) -> str:
        """What a value may be, in words."""
        if self.allowed is not None:
            listed = ", ".join(map(show, self.allowed[:SHOWN]))
            return listed + (f" … ({len(self.allowed)} in all)" if len(self.allowed) > SHOWN else "")
        words = _ALLOWED[self.type]
        if self.type == "text":
            words += f", up to {self._longest} characters"
        words += "" if self.pattern is None else f", like {self.pattern}"
        words += "" if self.minimum is None else f", from {self.minimum}"
        return words + ("" if self.maximum is None else f", up to {self.maximum}")

    @property
    def _longest(self) -> int:
        return LENGTH if self.max_length is None else self.max_length

    @property
    def _choices(self) -> tuple[Any, ...]:
        return self.allowed or ()

    def _check_text(self, value: str) -> None:
        if len(value) > self._longest:
            raise ValueError(f"has {len(value):,} characters")
        if _UNSPEAKABLE.search(value):
            raise ValueError("holds control characters")
        if self.pattern is not None and not compile_pattern(self.pattern).fullmatch(value):
            raise ValueError("does not match the pattern")

    def _check_range(self, value: float) -> None:
        if self.minimum is not None and value < self.minimum:
            raise ValueError("is too small")
        if self.maximum is not None and value > self.maximum:
            raise ValueError("is too large")


InputName = Annotated[str, Field(pattern=f"^{NAME}$")]
Inputs = Annotated[dict[InputName, Input], Field(max_length=20)]


def read(inputs: Mapping[str, Input], given: Mapping[str, JSON], *, field: str = "inputs") -> Values:
    """The values to run with: those `given`, else the defaults. Raises `Invalid` with every wrong name and value."""
    faults = list(_unknown(inputs, given, field))
    values: dict[str, bool | float | str] = {}
    for name, declared in inputs.items():
        try:
            values[name] = _choose(declared, given.get(name))
        except ValueError as error:
            faults.append(
                FieldError(field=f"{field}.{name}", problem=str(error), allowed=declared.describe())
            )
    if faults:
        raise Invalid(*faults)
    return values


def required(inputs: Mapping[str, Input] | None) -> tuple[str, ...]:
    """The names that must be given."""
    return tuple(name for name, declared in (inputs or {}).items() if declared.default is None)


def show(value: bool | float | str) -> str:
    """`value` as it stands in a source or a selector, before it is encoded for there."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not (value.is_integer() and abs(value) < WHOLE):
        return repr(value)
    return str(value) if isinstance(value, str) else str(int(value))


def digest(values: Values, revision: int) -> str:
    """What tells the results for these values, under this revision of the configuration, from all others."""
    canonical = orjson.dumps([revision, dict(values)], option=orjson.OPT_SORT_KEYS)
    return sha256(canonical).hexdigest()[:32]


def _choose(declared: Input, given: Any) -> bool | float | str:
    value = declared.default if given is None else given
    if value is None:
        raise ValueError("is missing")
    return declared.read(value)


def _unknown(inputs: Mapping[str, Input], given: Mapping[str, JSON], field: str) -> Iterator[FieldError]:
    for name in given.keys() - inputs.keys():
        meant = get_close_matches(name, list(inputs), n=1)
        hint = f"; did you mean {meant[0]}?" if meant else ""
        known = ", ".join(inputs) or "none: the configuration declares no inputs"
        yield FieldError(field=f"{field}.{name[:100]}", problem=f"is not an input{hint}", allowed=known)


def _read_text(given: Any) -> str:
    if not isinstance(given, str):
        raise ValueError("is not text")  # noqa: TRY004 - one kind of error says that a value is wrong
    return given


def _read_integer(given: Any) -> int:
    if isinstance(given, str) and _INTEGER.fullmatch(given):
        return int(given)
    if type(given) is int and abs(given) < 10**18:
        return given
    raise ValueError("is not a whole number")


def _read_number(given: Any) -> float:
    if isinstance(given, str) and not _NUMBER.fullmatch(given):
        raise ValueError("is not a number")
    if type(given) not in {str, int, float} or (type(given) is int and abs(given) >= 10**300):
        raise ValueError("is not a number")
    value = float(given)
    if not math.isfinite(value):
        raise ValueError("is not a finite number")
    # One value, one set of results: minus zero is zero, and 3 is 3.0.
    return value + 0.0


def _read_boolean(given: Any) -> bool:
    known = {"true": True, "false": False}.get(given) if isinstance(given, str) else given
    if not isinstance(known, bool):
        raise ValueError("is not true or false")  # noqa: TRY004 - as above
    return known


_READERS: Mapping[Kind, Callable[[Any], bool | float | str]] = {
    "text": _read_text,
    "integer": _read_integer,
    "number": _read_number,
    "boolean": _read_boolean,
}
