"""What selectors give before it is JSON: absent values, results still to come, and what falls away at the end."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any, Final


class Missing(enum.Enum):
    """JavaScript's undefined: an attribute that is not there."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING


@dataclass(frozen=True, slots=True)
class Pending:
    """The result of the extraction's follow number `index`, which is not known yet."""

    index: int


class OpenObject(dict[str, Any]):
    """An object that may hold pending values."""


class OpenList(list[Any]):
    """A list of objects or lists that may hold pending values."""


def absent(value: object) -> bool:
    """Whether X-Ray leaves a field with this value out of its object."""
    return value is MISSING or (isinstance(value, str) and not value)


def compact(values: list[Any]) -> list[Any]:
    """Without the empty objects and lists, as X-Ray leaves them out of collections."""
    return [value for value in values if value is not MISSING and value]


def settle(value: Any, results: list[Any]) -> Any:
    """`value` with each pending part replaced by its result, and what is empty then left out."""
    if isinstance(value, Pending):
        return results[value.index]
    if isinstance(value, OpenObject):
        settled = {name: settle(part, results) for name, part in value.items()}
        return {name: part for name, part in settled.items() if not absent(part)}
    if isinstance(value, OpenList):
        return compact([settle(part, results) for part in value])
    return value
