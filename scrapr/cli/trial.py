"""`scrapr try`: what selectors find on a page, before anything is stored."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scrapr.cli.pages import browsing
from scrapr.cli.tables import show_items, show_json, show_table

if TYPE_CHECKING:
    from scrapr.extraction.extract import Extraction
    from scrapr.extraction.rules import Rules
    from scrapr.fetching.errors import FetchFailed


def try_(
    source: Annotated[str, typer.Argument(help="A URL, a file, or - for standard input.")],
    scope: Annotated[
        str | None, typer.Option(help="One item for each element (or value of JSON) that it finds.")
    ] = None,
    selector: Annotated[
        str | None, typer.Option(metavar="JSON", help="The selector as in a configuration.")
    ] = None,
    select: Annotated[
        list[str] | None, typer.Option(metavar="NAME=CSS@ATTR", help="One field; may be repeated.")
    ] = None,
    paginate: Annotated[str | None, typer.Option(help="Selector of the link to the next page.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Pages at most.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="Only the value that X-Ray would give.")] = False,
) -> None:
    """Show what selectors find on a page; nothing is stored."""
    from scrapr.extraction.rules import compile_rules

    rules = compile_rules(_selector(selector, select, scope), scope=scope, paginate=paginate, field="")
    found, failure = asyncio.run(_walk(source, rules, limit))
    if not json:
        _show(rules, found)
    if failure is not None:
        raise failure
    if json:
        show_json(_value(rules, found))


def _selector(selector: str | None, select: list[str] | None, scope: str | None) -> Any:
    from scrapr.model.errors import Malformed, Refused
    from scrapr.model.validation import read_json

    if bool(selector) == bool(select):
        raise Refused("Either --selector or --select is needed, and not both")
    if selector is not None:
        try:
            return read_json(selector.encode())
        except Malformed as error:
            allowed = '"css" or {"name": "css@attribute"}, quotes included'
            raise Refused(f"--selector is not JSON; allowed: {allowed}") from error
    pairs = [pair.partition("=")[::2] for pair in select or ()]
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise Refused("--select: a name stands there twice; allowed: a name for each field")
    if not all(name and css for name, css in fields.items()):
        raise Refused('--select: allowed: name="css" or name="css@attribute"')
    return [fields] if scope else fields


async def _walk(source: str, rules: Rules, limit: int) -> tuple[list[Extraction], FetchFailed | None]:
    """What the pages give, and what ended the walk behind the first of them, if something did."""
    from scrapr.fetching.errors import FetchFailed

    found: list[Extraction] = []
    seen: set[str] = set()
    at: str | None = source
    async with browsing() as browser:
        while at is not None and at not in seen and len(found) < limit:
            try:
                page = await browser.get(at)
                seen |= {at, page.url}
                found.append(await browser.extract(rules, page))
            except FetchFailed as error:
                if not found:
                    raise
                return found, error
            at = found[-1].next_url
    return found, None


def _value(rules: Rules, found: list[Extraction]) -> Any:
    """What X-Ray gives: with `paginate` the values of all pages in one list, else the page's as it is."""
    if rules.next_link is None:
        return found[0].value
    return [
        value for page in found for value in (page.value if isinstance(page.value, list) else [page.value])
    ]


def _show(rules: Rules, found: list[Extraction]) -> None:
    from scrapr.extraction.advice import advise

    items = [item for page in found for item in page.items]
    matches: Counter[str] = Counter()
    unconverted: Counter[str] = Counter()
    for page in found:
        matches.update(page.matches)
        unconverted.update(page.unconverted)
    show_items(items)
    print()
    show_table(("selector", "matched"), matches.items())
    print()
    print(f"{_count(len(items), 'item')} on {_count(len(found), 'page')}")
    print(f"next link: {found[-1].next_url or 'none'}")
    written = (rules.selector, rules.scope, rules.paginate)
    for warning in advise(*written, items=items, matches=matches, unconverted=unconverted):
        print(f"warning: {warning}", file=sys.stderr)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
