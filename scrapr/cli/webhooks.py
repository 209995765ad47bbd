"""Commands on webhooks."""

from __future__ import annotations

from typing import Annotated

import typer

from scrapr.cli.peers import Peers, PortBase, with_peers
from scrapr.cli.tables import show_table

webhooks = typer.Typer(no_args_is_help=True, help="Tell your own services of runs, states and changes.")


@webhooks.command("ls")
def ls(port_base: PortBase = None) -> None:
    """List webhooks: what each is told, and how many deliveries wait or were given up."""

    async def act(peers: Peers) -> None:
        columns = ("id", "url", "events", "of", "waiting", "dead", "disabled")
        rows = [
            (
                each.id,
                each.url,
                " ".join(each.events),
                each.collection or each.configuration or "everything",
                each.waiting,
                each.dead,
                each.disabled,
            )
            for each in await peers.datasource.webhooks.all()
        ]
        show_table(columns, rows)

    with_peers(act, port_base)


@webhooks.command("add")
def add(
    url: Annotated[
        str, typer.Argument(help="Where to post to; a private address needs SCRAPR_WEBHOOK_ALLOW.")
    ],
    event: Annotated[
        list[str] | None,
        typer.Option(help="run.finished, run.failed, state.changed or items.changed; may be repeated."),
    ] = None,
    collection: Annotated[str | None, typer.Option(help="Only of this collection.")] = None,
    configuration: Annotated[str | None, typer.Option(help="Only of this configuration, by its id.")] = None,
    port_base: PortBase = None,
) -> None:
    """Add a webhook, and print its id and its secret, which is never shown again."""

    async def act(peers: Peers) -> None:
        draft = {
            "url": url,
            "events": event or None,
            "collection": collection,
            "configuration": configuration,
        }
        given = {name: value for name, value in draft.items() if value is not None}
        added = await peers.datasource.webhooks.add(given)
        print(f"{added.id}  {added.secret}")

    with_peers(act, port_base)


@webhooks.command("rm")
def rm(
    identities: Annotated[
        list[str], typer.Argument(metavar="ID…", help="Ids, as `scrapr webhooks ls` shows them.")
    ],
    port_base: PortBase = None,
) -> None:
    """Remove webhooks, and what waits for them."""

    async def act(peers: Peers) -> None:
        for identity in identities:
            await peers.datasource.webhooks.remove(identity)
            print(f"{identity} removed")

    with_peers(act, port_base)


@webhooks.command("dead")
def dead(identity: Annotated[str, typer.Argument(metavar="ID")], port_base: PortBase = None) -> None:
    """List a webhook's dead letters: deliveries that were given up."""

    async def act(peers: Peers) -> None:
        columns = ("delivery", "event", "collection", "created", "given up", "tries", "error")
        rows = [
            (each.id, each.event, each.collection, each.created_at, each.dead_at, each.tries, each.error)
            for each in await peers.datasource.webhooks.dead(identity)
        ]
        show_table(columns, rows)

    with_peers(act, port_base)


@webhooks.command("retry")
def retry(
    identity: Annotated[str, typer.Argument(metavar="ID")],
    deliveries: Annotated[
        list[str] | None,
        typer.Argument(metavar="[DELIVERY…]", help="Those of `scrapr webhooks dead`; else all."),
    ] = None,
    port_base: PortBase = None,
) -> None:
    """Send dead letters again, and enable a webhook that was disabled."""

    async def act(peers: Peers) -> None:
        retried = await peers.datasource.webhooks.retry(identity, deliveries or None)
        print(f"{retried} to be sent again")

    with_peers(act, port_base)
