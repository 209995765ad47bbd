"""Commands on configurations and what they gather."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scrapr.cli.peers import Peers, PortBase, with_peers
from scrapr.cli.tables import show_items, show_json, show_table

if TYPE_CHECKING:
    from scrapr.model.configuration import Configuration
    from scrapr.model.state import ConfigurationState


def add(
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="JSON files, or - for standard input.")],
    port_base: PortBase = None,
) -> None:
    """Add configurations, each a JSON object or a list of them."""
    # All files are read before anything is added: a file that is no JSON leaves nothing half done.
    drafts = [(place, draft) for file in files for place, draft in _read(file)]

    async def act(peers: Peers) -> None:
        for place, draft in drafts:
            with _told_where(place):
                added = await peers.config.add(draft)
            print(f"{added.id}  {peers.urls['endpoint']}/v1/collections/{added.collection}/items")

    with_peers(act, port_base)


@contextmanager
def _told_where(place: str) -> Iterator[None]:
    """What is refused is told with its `place`, each wrong field on a line of its own."""
    from scrapr.model.errors import Refused

    try:
        yield
    except Refused as error:
        for problem in error.fields or (error.detail,):
            print(f"{place}: {problem}", file=sys.stderr)
        raise typer.Exit(2) from error


def _read(file: str) -> list[tuple[str, Any]]:
    """The drafts in a file, each with the place that errors speak of."""
    from scrapr.model.errors import Refused
    from scrapr.model.validation import read_json

    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise Refused(f"{file}: {error.strerror}") from error
    with _told_where(file):
        value = read_json(content)
    if isinstance(value, list):
        return [(f"{file}[{number}]", each) for number, each in enumerate(value)]
    return [(file, value)]


def ls(
    json: Annotated[bool, typer.Option("--json", help="The configurations as JSON.")] = False,
    port_base: PortBase = None,
) -> None:
    """List configurations, each with its state as the datasource tells it."""

    async def act(peers: Peers) -> None:
        found = [configuration async for configuration in peers.config.configurations()]
        states = await _states(peers)
        if json:
            show_json([_with_state(each, states.get(each.id)) for each in found])
            return
        columns = ("id", "type", "collection", "state", "source", "ttl", "pool", "container", "revision")
        rows = [
            (
                each.id,
                each.type,
                each.collection,
                states[each.id].state if each.id in states else None,
                each.scraper and each.scraper.source,
                each.ttl,
                each.pool,
                each.container,
                each.revision,
            )
            for each in found
        ]
        show_table(columns, rows)

    with_peers(act, port_base)


async def _states(peers: Peers) -> dict[str, ConfigurationState]:
    """All states by configuration; none where the datasource does not answer, for config's list is good without."""
    from scrapr.model.errors import Unavailable

    try:
        return {state.configuration: state async for state in peers.datasource.states()}
    except Unavailable as error:
        print(f"scrapr: states are not known: {error.detail}", file=sys.stderr)
        return {}


def _with_state(configuration: Configuration, state: ConfigurationState | None) -> dict[str, Any]:
    told = None if state is None else state.model_dump(mode="json", exclude={"configuration", "collection"})
    return {**configuration.model_dump(mode="json"), "state": told}


def items(
    collection: str,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many; all if not given.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
    port_base: PortBase = None,
) -> None:
    """Show the items of a collection."""

    async def act(peers: Peers) -> list[Any]:
        found: list[Any] = []
        async for item in peers.endpoint.items(collection):
            if limit is not None and len(found) == limit:
                break
            found.append(item)
        return found

    found = with_peers(act, port_base)
    if not json:
        return show_items(found)
    import orjson

    for item in found:
        sys.stdout.buffer.write(orjson.dumps(item, option=orjson.OPT_APPEND_NEWLINE))
    return None


def watch(
    collection: str,
    since: Annotated[
        int | None,
        typer.Option(
            min=0, help="The version that you have; 0: from the beginning.", show_default="from now on"
        ),
    ] = None,
    port_base: PortBase = None,
) -> None:
    """Show each change of a collection as it happens, a JSON object per line, until interrupted."""
    import orjson

    async def act(peers: Peers) -> None:
        async for name, body in peers.endpoint.watch(collection, since=since):
            if name == "change":
                sys.stdout.buffer.write(orjson.dumps(body, option=orjson.OPT_APPEND_NEWLINE))
                sys.stdout.buffer.flush()
            else:
                told = f"{body['reason']}: load {collection} again, it is at version {body['version']}"
                print(told, file=sys.stderr)

    with suppress(KeyboardInterrupt, BrokenPipeError):
        with_peers(act, port_base)


def rm(
    identities: Annotated[list[str], typer.Argument(metavar="ID…", help="Ids, as `scrapr ls` shows them.")],
    port_base: PortBase = None,
) -> None:
    """Remove configurations; what they gathered stays."""

    async def act(peers: Peers) -> None:
        for identity in identities:
            await peers.config.remove(identity)
            print(f"{identity} removed")

    with_peers(act, port_base)
