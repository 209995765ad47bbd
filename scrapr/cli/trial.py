"""`scrapr try`: what selectors find on a page, before anything is stored."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scrapr.cli.tables import show_items, show_json, show_table

if TYPE_CHECKING:
    from scrapr.extraction.extract import Extraction
    from scrapr.extraction.rules import Rules
    from scrapr.fetching.client import Client


@dataclass(frozen=True)
class Found:
    """What was found on one page, and where it was."""

    url: str
    extraction: Extraction


def try_(
    source: Annotated[str, typer.Argument(help="A URL, a file, or - for standard input.")],
    scope: Annotated[str | None, typer.Option(help="CSS: one item for each element that it matches.")] = None,
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
    found = asyncio.run(_walk(source, rules, limit))
    if json:
        show_json(_value([page.extraction for page in found]))
        return
    show_items([item for page in found for item in page.extraction.items])
    _show_matches(found)
    for warning in _warnings(found):
        print(f"warning: {warning}", file=sys.stderr)


def _selector(selector: str | None, select: list[str] | None, scope: str | None) -> Any:
    from scrapr.model.errors import Refused
    from scrapr.model.validation import read_json

    if bool(selector) == bool(select):
        raise Refused("Either --selector or --select is needed, and not both")
    if selector is not None:
        return read_json(selector.encode())
    fields = dict(pair.partition("=")[::2] for pair in select or ())
    if not all(name and css for name, css in fields.items()):
        raise Refused('--select: allowed: name="css" or name="css@attribute"')
    return [fields] if scope else fields


async def _walk(source: str, rules: Rules, limit: int) -> list[Found]:
    from scrapr.extraction.extract import extract

    if not source.startswith(("http://", "https://")):
        return [Found(source, extract(rules, _read(source), "http://localhost/"))]
    found: list[Found] = []
    async with _client() as client:
        from scrapr.fetching.page import Request

        url: str | None = source
        while url and len(found) < limit and url not in {page.url for page in found}:
            page = await client.fetch(Request(url=url))
            found.append(Found(url, extract(rules, page.text, page.url)))
            url = found[-1].extraction.next_url
    return found


def _client() -> Client:
    from scrapr import settings
    from scrapr.fetching.client import Client

    return Client(settings.load().fetch)


def _read(source: str) -> str:
    from scrapr.model.errors import Refused

    try:
        content = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        raise Refused(f"{source}: {error.strerror}; allowed: an http or https URL, a file, or -") from error
    return content.decode("utf-8", "replace")


def _value(pages: list[Extraction]) -> Any:
    """X-Ray joins the pages' values where they are lists; a single page's value is given as it is."""
    if len(pages) == 1:
        return pages[0].value
    return [
        value for page in pages for value in (page.value if isinstance(page.value, list) else [page.value])
    ]


def _show_matches(found: list[Found]) -> None:
    matches: Counter[str] = Counter()
    for page in found:
        matches.update(page.extraction.matches)
    print()
    show_table(("selector", "matched"), matches.items())
    print()
    print(f"{sum(len(page.extraction.items) for page in found)} items on {len(found)} pages")
    print(f"next link: {found[-1].extraction.next_url or 'none'}")


def _warnings(found: list[Found]) -> list[str]:
    matches: Counter[str] = Counter()
    for page in found:
        matches.update(page.extraction.matches)
    items = [item for page in found for item in page.extraction.items]
    silent = [f"{name} matched nothing" for name, count in matches.items() if not count]
    fields = list(dict.fromkeys(name for item in items for name in item))
    empty = {name: sum(item.get(name) in ("", None, []) for item in items) for name in fields}
    half = [
        f"{name} is empty in {count} of {len(items)} items"
        for name, count in empty.items()
        if matches.get(name) and 2 * count >= len(items)
    ]
    return silent + half
