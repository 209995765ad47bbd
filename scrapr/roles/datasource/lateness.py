"""What a claim's earlier holder sent after a later one's was reduced is left out. Pure.

The inbox refuses an epoch that is over. But it looks before it writes, and between the two the next holder's batch may
come and be reduced. So what is reduced goes by the epochs, too, and in their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from scrapr.roles.datasource.standing import Page, Standing


def heed(standing: Standing, page: Page) -> Page:
    """The page as it counts: without its items where a later holder's batch was reduced before."""
    if page.epoch is None or page.configuration is None:
        return page
    return replace(page, items=()) if page.epoch < standing.epochs.get(page.configuration, 0) else page


def note(standing: Standing, page: Page) -> Standing:
    """`standing` after the page."""
    grown = find_grown(standing, [page])
    return replace(standing, epochs={**standing.epochs, **grown}) if grown else standing


def find_grown(standing: Standing, pages: Iterable[Page]) -> Mapping[str, int]:
    """Configurations of which the pages bring a greater epoch than was reduced yet, with that."""
    grown: dict[str, int] = {}
    for page in pages:
        if page.epoch is None or page.configuration is None:
            continue
        if page.epoch > max(grown.get(page.configuration, 0), standing.epochs.get(page.configuration, 0)):
            grown[page.configuration] = page.epoch
    return grown
