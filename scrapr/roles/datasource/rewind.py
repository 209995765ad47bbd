"""A record taken back to an earlier version by undoing the changes since, in whatever order they are read. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from scrapr.model.item import JSON, Item
from scrapr.model.record import Record


@dataclass(frozen=True, slots=True)
class Undo:
    """What takes one update back: the fields that differed, and the record's versions and times before it."""

    version: int
    before: Item
    after: Item
    was: Record


class Rewinding:
    """Remembers of each field only what the oldest update made of it: a long history takes no more memory."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._fields: dict[str, tuple[int, tuple[JSON, ...]]] = {}
        """Version of the oldest update that touched the field, and its value before; empty where it had none."""
        self._oldest: Undo | None = None

    def take_back(self, undo: Undo) -> None:
        """Undo one update."""
        for name in undo.before.keys() | undo.after.keys():
            if name not in self._fields or undo.version < self._fields[name][0]:
                value = (undo.before[name],) if name in undo.before else ()
                self._fields[name] = (undo.version, value)
        if self._oldest is None or undo.version < self._oldest.version:
            self._oldest = undo

    def record(self) -> Record:
        """The record as it was before all that was undone."""
        if self._oldest is None:
            return self._record
        old = {name: value for name, (_, values) in self._fields.items() for value in values}
        rest = {name: value for name, value in self._record.values.items() if name not in self._fields}
        return self._oldest.was.model_copy(update={"key": self._record.key, "values": {**rest, **old}})
