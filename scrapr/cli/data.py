"""Commands on the data itself: what became no record, and what is made again."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from scrapr.cli.peers import Peers, PortBase, with_peers
from scrapr.cli.tables import show_json, show_table

if TYPE_CHECKING:
    from scrapr.model.quarantine import Quarantined, Replay

LOOK = 0.2
"""Seconds between two looks at a rebuild."""


def quarantine(
    collection: str,
    replay: Annotated[
        bool,
        typer.Option(
            "--replay", help="Judge the items again, by the rules that their configurations have now."
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="The items and their reasons as JSON.")] = False,
    port_base: PortBase = None,
) -> None:
    """Show the items of a collection that became no records, and why; with --replay, try them again."""

    async def act(peers: Peers) -> list[Quarantined]:
        if replay:
            # Beside JSON it would be in the way of whoever reads that.
            print(f"{await _replay_all(peers, collection)} items replayed", file=sys.stderr if json else None)
        return await _read(peers, collection)

    found = with_peers(act, port_base)
    if json:
        return show_json([each.model_dump(mode="json") for each in found])
    rows = [(each.at, each.run, "; ".join(map(str, each.reasons)), each.item) for each in found]
    return show_table(("at", "run", "reasons", "item"), rows)


def drop(
    collection: str,
    force: Annotated[
        bool,
        typer.Option("--force", help="Though configurations feed it: with their next runs it begins anew."),
    ] = False,
    port_base: PortBase = None,
) -> None:
    """Forget a collection: its records, changes, batches, runs and quarantine; its endpoint goes, too."""

    async def act(peers: Peers) -> None:
        await peers.datasource.drop(collection, force=force)
        print(f"{collection} dropped")
        async for _ in peers.config.configurations(of_type="scraper", collection=collection):
            return
        async for each in peers.config.configurations(of_type="endpoint", collection=collection):
            await peers.config.remove(each.id)
            print(f"{each.id} removed")

    with_peers(act, port_base)


def rebuild(collection: str, port_base: PortBase = None) -> None:
    """Make a collection's records again from its batches, and put right what differs; readers see no gap."""
    import asyncio

    from scrapr.model.errors import Refused

    async def act(peers: Peers) -> None:
        asked = await peers.datasource.rebuild(collection)
        while asked.state == "waiting":
            await asyncio.sleep(LOOK)
            asked = await peers.datasource.rebuilt(collection)
        if asked.state == "refused":
            raise Refused(asked.error or "refused")
        columns = ("batches", "created", "updated", "removed")
        show_table(columns, [[getattr(asked, name) for name in columns]])

    with_peers(act, port_base)


async def _read(peers: Peers, collection: str) -> list[Quarantined]:
    found: list[Quarantined] = []
    after = None
    while True:
        page = await peers.datasource.quarantine(collection, after=after)
        found += page.items
        if (after := page.next) is None:
            return found


async def _replay_all(peers: Peers, collection: str) -> int:
    """What configurations say now is the word of config; for what none of them brought, that of its newest batch."""
    from scrapr.model.quarantine import Replay

    replayed = 0
    async for each in peers.config.configurations(of_type="scraper", collection=collection):
        rules = {"key": each.key_fields, "collect": each.collected, "fields": each.field_rules}
        replayed += await _replay(peers, collection, Replay(configuration=each.id, **rules))
    return replayed + await _replay(peers, collection, Replay())


async def _replay(peers: Peers, collection: str, wish: Replay) -> int:
    replayed = 0
    while True:
        answer = await peers.datasource.replay(collection, wish)
        replayed += answer.replayed
        if answer.next is None:
            return replayed
        wish = wish.model_copy(update={"after": answer.next})
