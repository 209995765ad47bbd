"""`scrapr infer`: a configuration proposed from what a page repeats."""

from __future__ import annotations

import asyncio
import re
import sys
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from scrapr.cli.pages import browsing, is_url
from scrapr.cli.tables import show_items, show_json

if TYPE_CHECKING:
    from scrapr.extraction.proposal import Proposal
    from scrapr.fetching.page import Page

PREVIEW = 10
"""Items that are shown."""


def infer(
    source: Annotated[str, typer.Argument(help="A URL, a file, or - for standard input.")],
    json: Annotated[bool, typer.Option("--json", help="Only the configuration.")] = False,
) -> None:
    """Propose a configuration for what a page, a feed or JSON repeats; no model or service is asked."""
    from scrapr.extraction.infer import infer as propose
    from scrapr.model.errors import Refused

    page = asyncio.run(_get(source))
    proposal = propose(page.text, page.url)
    if proposal is None:
        raise Refused(f"{source} repeats nothing at least three times that differs")
    show_json(_configuration(source, proposal))
    if not json:
        _show(proposal)


def _show(proposal: Proposal) -> None:
    """What it finds, and on standard error what `scrapr try` would warn of."""
    from scrapr.extraction.advice import advise

    found = proposal.found
    print()
    show_items(found.items[:PREVIEW])
    print(f"{len(found.items)} items, next link: {found.next_url or 'none'}", file=sys.stderr)
    told = advise(
        [{**proposal.selector}],
        proposal.scope,
        proposal.paginate,
        items=found.items,
        matches=found.matches,
        unconverted=found.unconverted,
    )
    for warning in told:
        print(f"warning: {warning}", file=sys.stderr)


async def _get(source: str) -> Page:
    async with browsing() as browser:
        return await browser.get(source)


def _configuration(source: str, proposal: Proposal) -> dict[str, Any]:
    scraper: dict[str, Any] = {
        "source": source if is_url(source) else "https://",
        "scope": proposal.scope,
        "selector": [proposal.selector],
    }
    if proposal.paginate is not None:
        scraper["paginate"] = proposal.paginate
    words = re.findall(r"[a-z]+", re.sub(r"\.[a-z]+$", "", urlsplit(scraper["source"]).path.lower()))
    key = {"key": list(proposal.key)} if proposal.key else {}
    return {"type": "scraper", "collection": words[-1] if words else "items", "scraper": scraper} | key
