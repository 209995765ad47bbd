"""Making a replica set of MongoDB servers that are none yet, with the user of this installation in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymongo
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure
from pymongo.uri_parser import parse_uri

from scrapr.model.errors import Refused
from scrapr.storage import mongo
from scrapr.storage.settings import MongoSettings

NOT_YET_INITIALIZED = 94
USER_NOT_FOUND = 11
ROLES = (
    {"role": "readWrite", "db": "scrapr_config"},
    {"role": "readWrite", "db": "scrapr_data"},
    {"role": "clusterMonitor", "db": "admin"},
)
"""What the user may do: its two databases, and see how the set is."""


async def initiate(settings: MongoSettings, key_file: Path | None) -> str:
    """Make the replica set that the settings name and its user, as far as they are missing; say what was done.

    `key_file` is the file by which the members trust each other; who has it may do all that they may. Safe to repeat,
    and how the user's password is changed. Raises `Unavailable` while a member does not answer.
    """
    url = mongo.require_url(settings)
    with mongo.url_refused():
        wish = parse_uri(url)
    name, members = wish["options"].get("replicaSet"), wish["nodelist"]
    if not name:
        raise Refused("SCRAPR_MONGO_URL names no replica set; allowed: mongodb://…/?replicaSet=NAME")
    options = _identity(key_file) | {"serverSelectionTimeoutMS": int(settings.timeout * 1000)}
    with _refusals_told(), mongo.translated():
        made = not any([await _belongs(host, port, options) for host, port in members])
        if made:
            await _make(name, members, options)
        if wish["username"]:
            await _write_user(name, members, options, wish["username"], wish["password"])
    hosts = ", ".join(f"{host}:{port}" for host, port in members)
    return f"{name} ({hosts}) " + ("is made" if made else "was there already")


@contextmanager
def _refusals_told() -> Iterator[None]:
    try:
        yield
    except OperationFailure as error:
        raise Refused(f"MongoDB refuses: {error.details and error.details.get('errmsg')}") from error


def _identity(key_file: Path | None) -> dict[str, Any]:
    """How the members show each other who they are: as the user __system, whose password is the key without spaces."""
    if key_file is None:
        return {}
    try:
        key = "".join(key_file.read_text().split())
    except OSError as error:
        raise Refused(f"{key_file}: {error.strerror}") from error
    return {"username": "__system", "password": key, "authSource": "local"}


async def _belongs(host: str, port: int, options: Mapping[str, Any]) -> bool:
    """Whether a server belongs to a replica set already."""
    client: AsyncMongoClient[dict[str, Any]]
    async with AsyncMongoClient(host, port, directConnection=True, **options) as client:
        try:
            await client.admin.command("replSetGetStatus")
        except OperationFailure as error:
            if error.code == NOT_YET_INITIALIZED:
                return False
            raise
        return True


async def _make(name: str, members: Sequence[tuple[str, int]], options: Mapping[str, Any]) -> None:
    config = {
        "_id": name,
        "members": [{"_id": place, "host": f"{host}:{port}"} for place, (host, port) in enumerate(members)],
        # All follow the primary. A member that follows another holds up every majority write for ten seconds or more
        # when the machine of that other one loses its power.
        "settings": {"chainingAllowed": False},
    }
    host, port = members[0]
    client: AsyncMongoClient[dict[str, Any]]
    async with AsyncMongoClient(host, port, directConnection=True, **options) as client:
        await client.admin.command("replSetInitiate", config)


async def _write_user(
    name: str, members: Sequence[tuple[str, int]], options: Mapping[str, Any], user: str, password: str
) -> None:
    """Make the user, or give the one that is there this password and these roles."""
    hosts = [f"{host}:{port}" for host, port in members]
    client: AsyncMongoClient[dict[str, Any]]
    # The set's own view of its members is needed here: whoever is the primary takes the write.
    waiting = dict(options) | {"serverSelectionTimeoutMS": 30_000}
    async with AsyncMongoClient(hosts, replicaSet=name, **waiting) as client:
        majority = pymongo.WriteConcern("majority").document
        said: dict[str, Any] = {"pwd": password, "roles": list(ROLES), "writeConcern": majority}
        try:
            await client.admin.command("updateUser", user, **said)
        except OperationFailure as error:
            if error.code != USER_NOT_FOUND:
                raise
            await client.admin.command("createUser", user, **said)
