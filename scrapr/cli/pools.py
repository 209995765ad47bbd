"""Commands that list and edit pools."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from scrapr.cli.peers import Peers, PortBase, with_peers
from scrapr.cli.tables import show_json, show_table

app = typer.Typer(help="List pools, and edit them.", invoke_without_command=True, no_args_is_help=False)
COLUMNS = (
    "pool",
    "slots",
    "replicas",
    "copies",
    "cpu",
    "memory",
    "constraints",
    "image",
    "configurations",
    "claims",
)
Name = Annotated[
    str, typer.Argument(help="The pool's name, as scraper-eu; the place alone, as eu, is its scrapers' pool.")
]
OPTIONAL = ("cpu", "memory", "constraints", "image")
JSON = Annotated[bool, typer.Option("--json", help="The pools as JSON.")]


@app.callback()
def pools(context: typer.Context, json: JSON = False, port_base: PortBase = None) -> None:
    """List pools, or edit them by a command."""
    if context.invoked_subcommand is None:
        with_peers(lambda peers: _show(peers, json=json), port_base)


async def _show(peers: Peers, *, json: bool) -> None:
    found = await peers.config.pools()
    if json:
        show_json([each.model_dump(mode="json") for each in found])
        return
    rows = [
        (
            each.name,
            each.slots,
            f"{each.replicas_min}-{each.replicas_max}",
            each.copies,
            each.cpu,
            each.memory and f"{each.memory} MiB",
            ", ".join(each.constraints),
            each.image,
            each.configurations,
            each.claims,
        )
        for each in found
    ]
    show_table(COLUMNS, rows)


@app.command("set")
def set_(  # noqa: PLR0917 - options, which the command line takes by name
    name: Name,
    slots: Annotated[int | None, typer.Option(help="Configurations that one replica may claim.")] = None,
    replicas_min: Annotated[
        int | None, typer.Option(help="Replicas that are kept even without work.")
    ] = None,
    replicas_max: Annotated[int | None, typer.Option(help="Replicas at most.")] = None,
    copies: Annotated[
        int | None, typer.Option(help="Replicas that serve each configuration; endpoints only.")
    ] = None,
    cpu: Annotated[float | None, typer.Option(help="Cores of one replica.")] = None,
    memory: Annotated[int | None, typer.Option(help="MiB of one replica.")] = None,
    constraint: Annotated[
        list[str] | None,
        typer.Option(help="What a node must have, as node.labels.region==eu; again for more."),
    ] = None,
    image: Annotated[str | None, typer.Option(help="The replicas' image, if not that of all.")] = None,
    unset: Annotated[
        list[str] | None,
        typer.Option(help="A part to take back: cpu, memory, constraints or image; again for more."),
    ] = None,
    port_base: PortBase = None,
) -> None:
    """Create a pool, or change the parts of it that are given."""
    _check_unset(unset or ())
    given = {
        "slots": slots,
        "replicas_min": replicas_min,
        "replicas_max": replicas_max,
        "copies": copies,
        "cpu": cpu,
        "memory": memory,
        "constraints": constraint,
        "image": image,
    }
    changed = {part: value for part, value in given.items() if value is not None}
    with_peers(lambda peers: _change(peers, name, changed, unset or ()), port_base)


def _check_unset(parts: Iterable[str]) -> None:
    from scrapr.model.errors import Refused

    for part in parts:
        if part not in OPTIONAL:
            raise Refused(f"--unset: {part!r} is no part to take back; allowed: {', '.join(OPTIONAL)}")


async def _change(peers: Peers, name: str, changed: dict[str, Any], unset: Any) -> None:
    from scrapr.model.pool import PoolDraft
    from scrapr.model.validation import parse

    role, place = _read(name)
    full = f"{role}-{place}"
    present = next((each for each in await peers.config.pools() if each.name == full), None)
    parts = (
        present.model_dump(include=set(PoolDraft.model_fields)) if present else {"role": role, "place": place}
    )
    kept = {part: value for part, value in parts.items() if part not in unset}
    stored = await peers.config.put_pool(full, parse(PoolDraft, kept | changed))
    show_json(stored.model_dump(mode="json", exclude_defaults=True))


@app.command("rm")
def rm(name: Name, port_base: PortBase = None) -> None:
    """Remove a pool that no configuration names."""
    role, place = _read(name)

    async def act(peers: Peers) -> None:
        await peers.config.remove_pool(f"{role}-{place}")
        print(f"{role}-{place} removed")

    with_peers(act, port_base)


def _read(name: str) -> tuple[str, str]:
    """The role and the place of a pool's name."""
    role, _, place = name.partition("-")
    return (role, place) if role in {"scraper", "endpoint"} and place else ("scraper", name)
