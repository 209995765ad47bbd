"""A collection is the named, reduced data set that configurations feed."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from scrapr.model.times import Time
from scrapr.model.validation import wrong

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
NAME_ALLOWED = "1 to 100 letters, digits, '.', '_' or '-', beginning with a letter or digit"


def _check_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise wrong("is not a name", allowed=NAME_ALLOWED)
    return name


Name = Annotated[str, AfterValidator(_check_name)]
"""A name that is safe in URLs, MongoDB keys and file names alike."""


class Collection(BaseModel):
    """What is known of a collection as a whole.

    `version` is that of its newest change; 0 where nothing was ever reduced into it. `oldest` is the first version
    that its past is known from: all later changes are kept.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    version: int
    records: int
    oldest: int = 0
    updated_at: Time | None = None


class Collections(BaseModel):
    """All collections, by name."""

    collections: tuple[Collection, ...]


NEIGHBOURS = 50


def near(name: str, names: Iterable[str]) -> list[str]:
    """Up to three of `names` that somebody who typed `name` may have meant, likeliest first.

    Of many names only the neighbours by the alphabet are compared, which costs some 20 µs each.
    """
    by_folded = {known.casefold(): known for known in names}
    folded = name.casefold()[:100]
    among = sorted(by_folded)
    if len(among) > 2 * NEIGHBOURS:
        at = bisect(among, folded)
        among = among[max(0, at - NEIGHBOURS) : at + NEIGHBOURS]
    return [by_folded[match] for match in get_close_matches(folded, among, n=3, cutoff=0.5)]
