"""mongod and redis-server as processes that a test kills, stops and starts again on the same port and folder."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymongo
import redis
from pymongo.errors import PyMongoError

from scrapr.embedded import binaries
from tests.conftest import find, find_free_port
from tests.system.machine import wait_for

Client = pymongo.MongoClient[dict[str, Any]]
START_WITHIN = 180.0


@dataclass
class Server:
    """A server's process on a `port`."""

    command: Sequence[str]
    port: int
    log: Path
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Begin; whoever needs it waits until it answers."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(list(self.command), stdout=output, stderr=output)

    def kill(self) -> None:
        """End it with SIGKILL, if it runs."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()


def mongod(folder: Path, *, replica_set: str = "rs0", oplog_mb: int = 64, checkpoints: int = 60) -> Server:
    """A member of a replica set that is not yet initiated, with its data in `folder`.

    The oplog keeps what came since the last checkpoint, however much that is: there is one every `checkpoints` seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = find_free_port()
    command = [
        *(str(find(binaries.MONGOD)), "--replSet", replica_set, "--dbpath", str(folder)),
        *("--bind_ip", "127.0.0.1", "--port", str(port), "--nounixsocket"),
        *("--wiredTigerCacheSizeGB", "0.25", "--oplogSize", str(oplog_mb)),
        *("--syncdelay", str(checkpoints)),
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
    ]
    return Server(command, port, folder.parent / f"{folder.name}.log")


def redis_server(folder: Path) -> Server:
    """A Redis that keeps nothing on disk: killed, it comes back empty."""
    folder.mkdir(parents=True, exist_ok=True)
    port = find_free_port()
    command = [str(find(binaries.REDIS_SERVER)), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    return Server([*command, "--dir", str(folder)], port, folder.parent / f"{folder.name}.log")


@contextmanager
def running(*servers: Server) -> Iterator[None]:
    """Start `servers`, and kill what runs of them in the end."""
    try:
        for server in servers:
            server.start()
        yield
    finally:
        for server in servers:
            server.kill()


def initiate(members: Sequence[Server], *, replica_set: str = "rs0") -> str:
    """Make the members a replica set with a primary; its URL."""
    hosts = [f"127.0.0.1:{member.port}" for member in members]
    configuration = {
        "_id": replica_set,
        "members": [{"_id": number, "host": host} for number, host in enumerate(hosts)],
        "settings": {"electionTimeoutMillis": 3000},
    }
    client: Client
    # The first asks the others at once, so that all must listen.
    for member in reversed(members):
        url = f"mongodb://127.0.0.1:{member.port}/?directConnection=true"
        with pymongo.MongoClient(url, serverSelectionTimeoutMS=int(START_WITHIN * 1000)) as client:
            client.admin.command("ping")
            if member is members[0]:
                client.admin.command("replSetInitiate", configuration)
    whole = f"mongodb://{','.join(hosts)}/?replicaSet={replica_set}"
    wait_for(lambda: find_primary(members), START_WITHIN)
    return whole


def find_primary(members: Sequence[Server]) -> Server | None:
    """The member that says of itself that it takes writes."""
    return next((member for member in members if _is_primary(member.port)), None)


def _is_primary(port: int) -> bool:
    client: Client
    with (
        suppress(PyMongoError),
        pymongo.MongoClient(f"mongodb://127.0.0.1:{port}/?directConnection=true", timeoutMS=1000) as client,
    ):
        return bool(client.admin.command("hello")["isWritablePrimary"])
    return False


def is_whole(members: Sequence[Server]) -> bool:
    """Whether one member is the primary and all others follow it: only then may the set lose one."""
    primary = find_primary(members)
    if primary is None:
        return False
    url = f"mongodb://127.0.0.1:{primary.port}/?directConnection=true"
    client: Client
    with suppress(PyMongoError), pymongo.MongoClient(url, timeoutMS=1000) as client:
        told = client.admin.command("replSetGetStatus")["members"]
        return all(each["stateStr"] in {"PRIMARY", "SECONDARY"} for each in told)
    return False


def answers_redis(server: Server) -> bool:
    """Whether Redis answers."""
    with suppress(redis.RedisError), redis.Redis(port=server.port, socket_timeout=1) as client:
        return bool(client.ping())
    return False
