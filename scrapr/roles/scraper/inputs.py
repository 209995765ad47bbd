"""Values come into a configuration here, and what a run for them leads to is judged. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson

from scrapr.extraction import template
from scrapr.extraction.rules import kept_rules
from scrapr.model import inputs
from scrapr.model.batch import Run as Ended
from scrapr.model.claim import Claim
from scrapr.model.configuration import Configuration
from scrapr.model.errors import Damaged, FieldError, Invalid
from scrapr.model.inputs import Values
from scrapr.model.item import Item
from scrapr.model.placeholders import fill_source
from scrapr.model.result import Result

PAUSE = 10
"""Seconds for which a failure is told again before the next run, where the ttl is not shorter."""


def fill(configuration: Configuration, values: Values) -> Configuration:
    """`configuration` with `values` in its source and selectors. Raises `Invalid` for those that do not fit there."""
    scraper = configuration.scraper
    if scraper is None:
        raise Damaged("The configuration says not what to scrape")
    texts = {name: inputs.show(value) for name, value in values.items()}
    parts: dict[str, Any] = {
        name: template.fill(getattr(scraper, name), texts) for name in ("scope", "selector", "paginate")
    }
    filled = scraper.model_copy(update=parts | {"source": fill_source(scraper.source, texts)})
    return configuration.model_copy(update={"scraper": filled})


def check_selectors(filled: Configuration) -> None:
    """Return if the selectors can be used. Raises `Invalid`: not every text is a name, the empty one for a start."""
    scraper = filled.scraper
    if scraper is None:
        return
    try:
        kept_rules(scraper.selector, scope=scraper.scope, paginate=scraper.paginate)
    except Invalid as error:
        problem = f"make a selector that cannot be used: {error.fields[0]}"
        raise Invalid(FieldError(field="inputs", problem=problem)) from error


def with_defaults(claim: Claim) -> Claim:
    """The claim as it is scraped on its ttl: all inputs have their defaults."""
    declared = claim.configuration.inputs
    if not declared:
        return claim
    try:
        filled = fill(claim.configuration, inputs.read(declared, {}))
    except Invalid:
        # Refused when it was posted; should one have come in all the same, its own run fails and no other does.
        return claim
    return claim.model_copy(update={"configuration": filled})


class Basket:
    """Takes a run's items in the datasource's place, up to `most` bytes of JSON; `is_full` if there were more."""

    def __init__(self, most: int) -> None:
        self.items: list[Item] = []
        self.is_full = False
        self._room = most

    def add(self, items: list[Item]) -> None:
        """Put as many of `items` in as there is room for."""
        for item in items:
            self._room -= len(orjson.dumps(item)) + 1
            self.is_full = self.is_full or self._room < 0
            if self.is_full:
                return
            self.items.append(item)


def conclude(ended: Ended, items: list[Item], values: Values, ttl: int, before: Result | None) -> Result:
    """What to answer after a run, for how long: where it failed, what was there before if anything was."""
    if ended.outcome != "failed":
        until = ended.finished_at + timedelta(seconds=ttl)
        return Result(inputs=dict(values), run=ended, items=items, fresh_until=until, error=ended.error)
    until = ended.finished_at + timedelta(seconds=min(PAUSE, ttl))
    if before is None or before.run.outcome == "failed":
        return Result(inputs=dict(values), run=ended, items=[], fresh_until=until, error=ended.error)
    return before.model_copy(update={"fresh_until": until, "stale": True, "error": ended.error})
