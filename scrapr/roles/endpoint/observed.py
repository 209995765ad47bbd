"""What the items of a collection were seen to be: the names of their fields, and of which kinds their values are.

It only grows: each item that was ever seen fits it. So nothing has to be counted, or seen twice alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scrapr.model.item import JSON, Item

DEPTH_MOST = 6
"""Levels that are looked into; what is deeper may be anything."""
NAMES_MOST = 500
"""Fields of one object that are told apart; an object with more may have any."""
SHAPES_MOST = 4096
KINDS: Mapping[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}
FLAT = frozenset({type(None), bool, int, float, str})


class Kind:
    """One place in the items: the JSON types seen there, and what is within."""

    __slots__ = ("always", "crowded", "depth", "items", "properties", "types")

    def __init__(self, depth: int = 0) -> None:
        self.depth = depth
        self.types: set[str] = set()
        self.properties: dict[str, Kind] = {}
        self.always: frozenset[str] | None = None
        """The names that each object here had; None before the first."""
        self.crowded = False
        self.items: Kind | None = None

    def see(self, value: JSON) -> None:
        """One more value was here."""
        self.types.add(KINDS[type(value)])
        if self.depth >= DEPTH_MOST:
            return
        if isinstance(value, dict):
            self._see_object(value)
        elif isinstance(value, list) and value:
            self.items = self.items or Kind(self.depth + 1)
            for each in value:
                self.items.see(each)

    def _see_object(self, value: Mapping[str, JSON]) -> None:
        self.always = frozenset(value) if self.always is None else self.always.intersection(value)
        for name, part in value.items():
            kind = self.properties.get(name)
            if kind is None:
                if len(self.properties) >= NAMES_MOST:
                    self.crowded = True
                    continue
                kind = self.properties[name] = Kind(self.depth + 1)
            kind.see(part)

    def join(self, other: Kind) -> None:
        """What was seen there was seen here, too."""
        self.types |= other.types
        self.crowded |= other.crowded
        if other.always is not None:
            self.always = other.always if self.always is None else self.always & other.always
        for name, kind in other.properties.items():
            self.properties.setdefault(name, Kind(kind.depth)).join(kind)
        if other.items is not None:
            self.items = self.items or Kind(other.items.depth)
            self.items.join(other.items)

    def schema(self) -> dict[str, Any]:
        """A JSON Schema (2020-12) that each value seen here fits."""
        types = sorted(self.types - {"integer"} if "number" in self.types else self.types)
        told: dict[str, Any] = {"type": types[0] if len(types) == 1 else types} if types else {}
        if self.items is not None:
            told["items"] = self.items.schema()
        if "object" in self.types and self.depth < DEPTH_MOST:
            told["properties"] = {name: kind.schema() for name, kind in self.properties.items()}
            told["required"] = sorted(self.always or ())
        return told


class Observed:
    """All items of one copy."""

    def __init__(self) -> None:
        self.item = Kind()
        self._shapes: set[tuple[tuple[str, type], ...]] = set()

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of all fields, in the order in which they came."""
        return tuple(self.item.properties)

    def see(self, item: Item) -> None:
        """One more item is in the copy; most are like one before, which is found out quickly."""
        shape = tuple([(name, type(value)) for name, value in item.items()])
        if shape in self._shapes:
            return
        self.item.see(item)
        if all(kind in FLAT for _, kind in shape) and len(self._shapes) < SHAPES_MOST:
            self._shapes.add(shape)

    def inherit(self, before: Observed) -> None:
        """Know what was known of the copy before, whose place this one takes."""
        self.item.join(before.item)
