"""Items become the values of a record: the latest of each field, and lists in which distinct values gather."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from scrapr.model.configuration import DEFAULT_COLLECT
from scrapr.model.item import Item

KEY_MOST = 2000
"""Characters of a key at most; longer ones are no names of things but whole pages, caught by mistake."""


def key_of(item: Item, fields: Sequence[str]) -> str | None:
    """The text that identifies `item`: its only key field's, or several as a JSON array; None where one lacks."""
    if len(fields) == 1:
        part = item.get(fields[0])
        key = part if type(part) is str else "" if part is None else _text(part)
    else:
        parts = [item.get(field) for field in fields]
        key = "" if None in parts or "" in parts else orjson.dumps(parts).decode()
    return key if 0 < len(key) <= KEY_MOST else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def merge(values: Item, items: Sequence[Item], collect: Mapping[str, str], *, most: int) -> Item:
    """`values` after `items`: fields they have replace, fields they lack stay, those in `collect` gather.

    `collect` maps an item's field to the list of the record that its values join; a field that has the name of
    such a list joins it, too. A list never grows beyond `most`: what comes then is left out.
    """
    merged = dict(values)
    lists = lists_of(collect)
    gathered: dict[str, list[Any]] = {}
    for item in items:
        if lists.keys().isdisjoint(item):
            merged.update(item)
            continue
        for name, value in item.items():
            if name in lists:
                gathered.setdefault(lists[name], []).append(value)
                merged.setdefault(lists[name], [])
            else:
                merged[name] = value
    for name, values_of in gathered.items():
        merged[name] = _gather(merged[name], values_of, most)
    return merged


def lists_of(collect: Mapping[str, str]) -> Mapping[str, str]:
    """The list that each field's values join: that of the thesis is made once, for nearly all have it."""
    return DEFAULT_LISTS if collect == DEFAULT_COLLECT else _lists_of(collect)


def _lists_of(collect: Mapping[str, str]) -> Mapping[str, str]:
    return {**{name: name for name in collect.values()}, **collect}


DEFAULT_LISTS = _lists_of(DEFAULT_COLLECT)


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
