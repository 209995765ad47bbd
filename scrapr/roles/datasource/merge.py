"""Items become the values of a record: the latest of each field, and lists in which distinct values gather."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from scrapr.model.item import Item

KEY_MOST = 2000
"""Characters of a key at most; longer ones are no names of things but whole pages, caught by mistake."""


def key_of(item: Item, fields: Sequence[str]) -> str | None:
    """The text that identifies `item`: its only key field's, or several as a JSON array; None where one lacks."""
    parts = [item.get(field) for field in fields]
    if any(part is None or part == "" for part in parts):
        return None
    key = _text(parts[0]) if len(parts) == 1 else orjson.dumps(parts).decode()
    return key if len(key) <= KEY_MOST else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def merge(values: Item, items: Iterable[Item], collect: Mapping[str, str], *, most: int) -> Item:
    """`values` after `items`: fields they have replace, fields they lack stay, those in `collect` gather.

    `collect` maps an item's field to the list of the record that its values join; a field that has the name of
    such a list joins it, too. A list never grows beyond `most`: what comes then is left out.
    """
    merged = dict(values)
    lists = {**dict.fromkeys(collect.values()), **collect}
    gathered: dict[str, list[Any]] = {}
    for item in items:
        for name, value in item.items():
            if name in lists:
                gathered.setdefault(lists[name] or name, []).append(value)
                merged.setdefault(lists[name] or name, [])
            else:
                merged[name] = value
    for name, values_of in gathered.items():
        merged[name] = _gather(merged[name], values_of, most)
    return merged


def _gather(known: Any, arrivals: Iterable[Any], most: int) -> list[Any]:
    """`known` and the distinct values of `arrivals` in order; lists are taken apart, null is no value."""
    gathered = list(known) if isinstance(known, list) else [] if known is None else [known]
    marks = {_mark(value) for value in gathered}
    for arrival in arrivals:
        for value in arrival if isinstance(arrival, list) else (arrival,):
            mark = _mark(value)
            if value is not None and mark not in marks and len(gathered) < most:
                marks.add(mark)
                gathered.append(value)
    return gathered


def _mark(value: Any) -> Any:
    """What makes a value distinct: text itself, all else its JSON, so that 1 and true are two."""
    return value if type(value) is str else orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
