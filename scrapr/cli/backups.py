"""Commands that take all data away, and bring it back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scrapr.cli.peers import Peers, PortBase, with_peers
from scrapr.cli.tables import show_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapr.client.transport import Transport
    from scrapr.model.backup import Part

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The backup's folder.")]


def backup(directory: Folder, port_base: PortBase = None) -> None:
    """Write all configurations and all data into a new or empty folder, each role's as of one moment."""
    from scrapr.client.backup import back_up

    async def act(peers: Peers) -> None:
        _show((await back_up(directory, _roles(peers))).roles)

    with_peers(act, port_base)


def restore(directory: Folder, port_base: PortBase = None) -> None:
    """Put a backup into a `scrapr up` that has nothing yet, and check what came of it."""
    from scrapr.client import backup

    async def act(peers: Peers) -> None:
        _show(await backup.restore(directory, _roles(peers)))

    with_peers(act, port_base)


def _roles(peers: Peers) -> dict[str, Transport]:
    """The data first: configurations are at work as soon as they are there."""
    return {"datasource": peers.datasource.transport, "config": peers.config.transport}


def _show(roles: Mapping[str, Mapping[str, Part]]) -> None:
    rows = [
        (role, name, part.documents, part.bytes, part.expired)
        for role, parts in roles.items()
        for name, part in parts.items()
    ]
    show_table(("role", "collection", "documents", "bytes", "expired"), rows)
