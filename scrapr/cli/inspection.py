"""Commands that tell how things are."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scrapr.cli.peers import Peers, PortBase, with_peers
from scrapr.cli.tables import show_json, show_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scrapr.client.transport import Transport
    from scrapr.model.batch import ReducedRun, Run
    from scrapr.model.collection import Collection
    from scrapr.model.state import ConfigurationState

RUNS = 10
"""Runs that are shown."""


def status(port_base: PortBase = None) -> None:
    """Show the roles, the collections, the configurations that are not healthy, and the newest runs."""

    async def act(peers: Peers) -> None:
        if peers.entry is not None:
            return await _show_cluster(peers.entry)
        found = await _ask_all(peers)
        show_table(
            ("role", "state", "url"), [(role, _state(answer), peers.urls[role]) for role, answer in found]
        )
        if not _is_ready(dict(found)["datasource"]):
            raise typer.Exit(1)
        print()
        _show_collections(await peers.datasource.collections())
        _show_states([each async for each in peers.datasource.states() if each.state != "healthy"])
        return _show_runs(await peers.datasource.runs(limit=RUNS))

    with_peers(act, port_base)


async def _show_cluster(entry: Transport) -> None:
    """As the orchestrator sees it, which alone sees all roles."""
    from scrapr.roles.orchestrator.overview import Overview

    seen = await entry.get(Overview, "/v1/overview")
    show_table(("role", "state"), list(seen.parts.items()))
    print()
    _show_collections(seen.collections)
    _show_states(seen.attention)
    _show_runs(seen.runs[:RUNS])


def _show_collections(collections: Iterable[Collection]) -> None:
    rows = [(each.name, each.records, each.version, each.updated_at) for each in collections]
    show_table(("collection", "records", "version", "updated"), rows)
    print()


def _show_runs(runs: Iterable[ReducedRun | Run]) -> None:
    ends = [
        (
            each.collection,
            each.started_at,
            each.finished_at,
            each.outcome,
            each.pages,
            each.unchanged_pages,
            each.items,
            each.error,
        )
        for each in runs
    ]
    columns = ("run of", "started", "finished", "outcome", "pages", "unchanged", "items", "error")
    show_table(columns, ends)


def _show_states(states: Iterable[ConfigurationState]) -> None:
    """What is not healthy, since when and why; nothing where all is."""
    rows = [
        (
            each.configuration,
            each.collection,
            each.state,
            each.since,
            each.good and each.good.finished_at,
            each.reason,
        )
        for each in states
    ]
    if rows:
        show_table(("configuration", "collection", "state", "since", "last good run", "reason"), rows)
        print()


def health(
    role: Annotated[str | None, typer.Option(help="Only this role.")] = None,
    json: Annotated[bool, typer.Option("--json", help="What the roles answered.")] = False,
    port_base: PortBase = None,
) -> None:
    """Ask the roles of this machine whether they are ready; exit 1 if one is not."""
    from scrapr.bootstrap.table import ROLES
    from scrapr.model.errors import Refused

    if role is not None and role not in ROLES:
        raise Refused(f"role: {role!r} is no role; allowed: {', '.join(ROLES)}")

    async def act(peers: Peers) -> list[tuple[str, Any]]:
        if peers.entry is not None:
            raise Refused("A cluster's roles are not asked at its entry; `scrapr status` tells what it sees")
        return [(name, answer) for name, answer in await _ask_all(peers) if role in {None, name}]

    found = with_peers(act, port_base)
    if json:
        show_json(dict(found))
    else:
        show_table(("role", "state"), [(name, _state(answer)) for name, answer in found])
    if not all(_is_ready(answer) for _, answer in found):
        raise typer.Exit(1)


async def _ask_all(peers: Peers) -> list[tuple[str, Any]]:
    answers = await asyncio.gather(*(_ask(peers, url) for url in peers.urls.values()))
    return list(zip(peers.urls, answers, strict=True))


async def _ask(peers: Peers, url: str) -> Any:
    import aiohttp

    try:
        async with peers.session.get(f"{url}/v1/ready") as answer:
            return await answer.json()
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return None


def _is_ready(answer: Any) -> bool:
    return bool(answer and answer.get("ready"))


def _state(answer: Any) -> str:
    if answer is None:
        return "does not answer"
    wrong = [f"{name}: {found}" for name, found in answer.get("checks", {}).items() if found != "ok"]
    return "; ".join([answer.get("state", "unknown"), *wrong])


def roles() -> None:
    """List the roles: what each needs, gives, and its port."""
    from scrapr.bootstrap.table import ROLES

    rows = [(name, entry.port, ", ".join(entry.needs), entry.gives) for name, entry in ROLES.items()]
    show_table(("role", "port", "needs", "gives"), rows)


def settings(
    changed: Annotated[
        bool, typer.Option("--changed", help="Only those that differ from their defaults.")
    ] = False,
) -> None:
    """List the settings of a process started here; secrets are hidden."""
    from scrapr import settings as all_settings

    shown = all_settings.show(all_settings.load())
    show_table(
        ("variable", "value"), [(name, value) for name, value, differs in shown if differs or not changed]
    )


def version() -> None:
    """Print the version."""
    import scrapr

    print(scrapr.__version__)
