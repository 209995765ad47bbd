"""Commands for those who run a cluster."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scrapr.cli.tables import show_json, show_table

if TYPE_CHECKING:
    from yarl import URL

    from scrapr.model.finding import Finding


def initiate(
    key_file: Annotated[
        Path | None, typer.Option(help="The members' key file, where they have one (mongod --keyFile).")
    ] = None,
) -> None:
    """Make the MongoDB replica set that SCRAPR_MONGO_URL describes, and the user in it.

    Changes nothing that is there already but the user's password, and may run as often as one likes.
    """
    from scrapr import settings
    from scrapr.storage import replicaset

    print(asyncio.run(replicaset.initiate(settings.load().mongo, key_file)))


def doctor(
    engine: Annotated[
        Path | None, typer.Option(help="A manager's socket; its Swarm is looked at, too.")
    ] = None,
    entry: Annotated[
        str | None, typer.Option(help="URL of the public entry, whose certificate is looked at.")
    ] = None,
    authority: Annotated[Path | None, typer.Option(help="PEM file of who signed that certificate.")] = None,
    json: Annotated[bool, typer.Option("--json", help="The findings as JSON.")] = False,
) -> None:
    """Look at all that this process would stand on, and say what to do; exit 1 where something is bad."""
    from scrapr.model.finding import worst

    found = asyncio.run(_examine(engine, None if entry is None else _read_entry(entry), authority))
    if json:
        show_json([each.model_dump() for each in found])
    else:
        columns = ("part", "state", "found", "what to do")
        show_table(columns, [(each.part, each.state, each.found, each.advice) for each in found])
    if worst(found) == "bad":
        raise typer.Exit(1)


def _read_entry(entry: str) -> URL:
    from yarl import URL

    from scrapr.model.errors import Refused

    try:
        url = URL(entry)
    except ValueError as error:
        raise Refused(f"--entry: {entry}: {error}; allowed: https://host") from error
    if url.scheme != "https" or url.host is None:
        raise Refused(f"--entry: {entry} is no URL with a certificate; allowed: https://host")
    return url


async def _examine(engine: Path | None, entry: URL | None, authority: Path | None) -> list[Finding]:
    """Every part that the settings and options name, side by side."""
    import shutil
    import tempfile

    from scrapr import settings as all_settings
    from scrapr.bootstrap.table import ROLES
    from scrapr.discovery.checkup import examine_consul
    from scrapr.fleet.checkup import examine_engine
    from scrapr.model.finding import judge_disk
    from scrapr.storage.checkup import examine_mongo, examine_redis
    from scrapr.web.checkup import examine_entry

    settings = all_settings.load()
    looks = [examine_mongo(settings.mongo), examine_redis(settings.redis)]
    if settings.discovery.kind == "consul":
        looks.append(examine_consul(settings.discovery, ROLES))
    if engine:
        looks.append(examine_engine(engine))
    if entry:
        looks.append(examine_entry(entry, authority))
    space = shutil.disk_usage(tempfile.gettempdir())
    parts = await asyncio.gather(*looks)
    return [
        judge_disk("this machine's disk", space.used, space.total),
        *(each for part in parts for each in part),
    ]
