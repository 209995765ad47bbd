"""scrapr on a cluster: pools in the cluster; stores, config, datasource and orchestrators on the machine itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pymongo
import redis as redis_sync

from scrapr.embedded import binaries
from tests.cluster.engine import Cluster
from tests.cluster.image import TAG
from tests.conftest import find, find_free_port

T = TypeVar("T")
TOKEN = "of-the-cluster"
NETWORK = "scrapr-test"
PATIENCE = 180.0
SITE = Path(__file__).parents[2] / "scrapr/demo/site"


def wait_for(condition: Callable[[], T], seconds: float = PATIENCE) -> T:
    """What `condition` gives, once that is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {condition}, last {found!r}"
        time.sleep(0.1)
    return found


@dataclass
class World:
    """A running scrapr. What is posted to it is of the test's own collections and pools."""

    cluster: Cluster
    folder: Path
    environment: dict[str, str]
    ports: Mapping[str, int]
    site: str
    stack: str
    orchestrators: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def ask(self, method: str, role: str, path: str, body: Any = None) -> httpx.Response:
        """What a role answers; `role` may be an orchestrator's name."""
        url = f"http://{self.cluster.wire.address}:{self.ports[role]}/v1{path}"
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return httpx.request(method, url, json=body, headers=headers, timeout=20)

    def get(self, role: str, path: str) -> Any:
        """What a role answers to a GET; None while it is not there."""
        try:
            return self.ask("GET", role, path).raise_for_status().json()
        except httpx.HTTPError:
            return None

    def post(self, collection: str, *, pool: str = "default", ttl: int = 300) -> str:
        """A configuration that scrapes the bundled site; its id."""
        draft = {
            "type": "scraper",
            "collection": collection,
            "scraper": {
                "source": self.site,
                "scope": "li.resultItem",
                "selector": [{"title": "h3", "item": "div"}],
            },
            "key": ["title"],
            "ttl": ttl,
            "pool": pool,
        }
        identity: str = self.ask("POST", "config", "/configurations", draft).raise_for_status().json()["id"]
        return identity

    def put_pool(self, name: str, **parts: Any) -> None:
        """Create or change a pool."""
        role, _, place = name.partition("-")
        draft = {"role": role, "place": place, "replicas_min": 0, **parts}
        self.ask("PUT", "config", f"/pools/{name}", draft).raise_for_status()

    def pool(self, name: str, orchestrator: str = "first") -> dict[str, Any]:
        """What an orchestrator tells of a pool; empty while there is nothing to tell."""
        found = (self.get(orchestrator, "/pools") or {}).get("pools", [])
        return next((each for each in found if each["name"] == name), {})

    def tasks(self, pool: str) -> list[dict[str, str]]:
        """The running replicas of a pool as `docker service ps` shows them: name with id, and node."""
        service, shown = f"{self.stack}_{pool}", "{{.Name}}.{{.ID}} {{.Node}} {{.CurrentState}}"
        words = (
            "service",
            "ps",
            "--no-trunc",
            "--format",
            shown,
            "--filter",
            "desired-state=running",
            service,
        )
        lines = self.cluster.manager.docker(*words, check=False).splitlines()
        rows = (line.split() for line in lines)
        return [{"name": row[0], "node": row[1]} for row in rows if row[2:3] == ["Running"]]

    def claims(self) -> dict[str, list[str]]:
        """Who serves each configuration, by the id of the configuration."""
        with self._mongo() as client:
            found = client["scrapr_config"]["configurations"].find().to_list()
        return {each["_id"]: self._holders(each) for each in found}

    def holders(self, collection: str, kind: str) -> list[str]:
        """Who serves the configuration of a collection."""
        with self._mongo() as client:
            found = client["scrapr_config"]["configurations"].find_one(
                {"collection": collection, "type": kind}
            )
        return self._holders(found or {})

    def _mongo(self) -> pymongo.MongoClient[dict[str, Any]]:
        return pymongo.MongoClient(self.environment["SCRAPR_MONGO_URL"])

    @staticmethod
    def _holders(found: Mapping[str, Any]) -> list[str]:
        return [found[name] for name in ("container", "container_1") if found.get(name)]

    def orchestrate(self, name: str = "first", **settings: str) -> subprocess.Popen[bytes]:
        """Start an orchestrator that is called so, and wait until it serves."""
        process = self._start("orchestrator", name, SCRAPR_CLAIM_CONTAINER=name, **settings)
        self.orchestrators[name] = process
        wait_for(lambda: self.get(name, "/ping"))
        return process

    def log(self, name: str) -> str:
        """What a process has said."""
        return (self.folder / f"{name}.log").read_text()

    def _start(self, role: str, name: str, **settings: str) -> subprocess.Popen[bytes]:
        environment = self.environment | {"SCRAPR_WEB_PORT": str(self.ports[name]), **settings}
        with (self.folder / f"{name}.log").open("ab") as log:
            command = [sys.executable, "-m", "scrapr", "run", "--role", role]
            return subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    @contextmanager
    def living(self) -> Iterator[None]:
        """Config and datasource, for as long as the block; at its end the pools' services are removed as well."""
        roles = [self._start(role, role) for role in ("config", "datasource")]
        try:
            for role in ("config", "datasource"):
                wait_for(lambda role=role: self.get(role, "/ready"))  # type: ignore[misc] # mypy knows no such lambda
            yield
        finally:
            for process in (*self.orchestrators.values(), *roles):
                end(process)
            self.clear()

    def clear(self) -> None:
        """Remove the pools' services, whoever made them."""
        label = f"label=scrapr.stack={self.stack}"
        found = self.cluster.manager.docker("service", "ls", "-q", "--filter", label).split()
        if found:
            self.cluster.manager.docker("service", "rm", *found)


def end(process: subprocess.Popen[bytes]) -> None:
    """Let a process end, and see to it."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def serving_stores(folder: Path, address: str) -> Iterator[dict[str, str]]:
    """A mongod and a redis-server that the cluster reaches; the settings that name them."""
    mongo_port, redis_port = find_free_port(), find_free_port()
    bound = f"127.0.0.1,{address}"
    data = folder / "mongod"
    data.mkdir()
    mongod = [
        find(binaries.MONGOD),
        "--replSet",
        "rs0",
        "--bind_ip",
        bound,
        "--port",
        mongo_port,
        "--dbpath",
        data,
    ]
    mongod += ["--wiredTigerCacheSizeGB", "0.25", "--logpath", data / "log", "--nounixsocket"]
    redis = [find(binaries.REDIS_SERVER), "--port", redis_port, "--bind", *bound.split(",")]
    redis += ["--save", "", "--protected-mode", "no"]
    with ExitStack() as stack:
        for command in (mongod, redis):
            process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.kill)
        url = f"mongodb://{address}:{mongo_port}/?directConnection=true"
        client: pymongo.MongoClient[dict[str, Any]]
        with pymongo.MongoClient(url) as client:
            member = {"_id": 0, "host": f"{address}:{mongo_port}"}
            client.admin.command("replSetInitiate", {"_id": "rs0", "members": [member]})
            wait_for(lambda: client.admin.command("hello")["isWritablePrimary"])
        with redis_sync.Redis(host=address, port=redis_port) as connection:
            wait_for(lambda: _answers(connection))
        yield {"SCRAPR_MONGO_URL": url, "SCRAPR_REDIS_URL": f"redis://{address}:{redis_port}"}


def _answers(connection: redis_sync.Redis) -> bool:
    try:
        return bool(connection.ping())
    except redis_sync.ConnectionError:
        return False


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the standard library's
        """Say nothing."""


@contextmanager
def serving_site(address: str) -> Iterator[str]:
    """The bundled site where containers reach it; the URL of its first page."""
    handler = partial(_Quiet, directory=str(SITE))
    with ThreadingHTTPServer((address, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://{address}:{server.server_address[1]}/busqueda/logrono/1.html"
        server.shutdown()
        thread.join()


@contextmanager
def living_world(cluster: Cluster, folder: Path, *, stack: str = "scrapr") -> Iterator[World]:
    """Everything but an orchestrator runs; the cluster has a network for the replicas."""
    address = cluster.wire.address
    names = ("config", "datasource", "first", "second")
    with serving_stores(folder, address) as stores, serving_site(address) as site:
        inherited = os.environ.items()  # noqa: TID251 - what processes are started with, less the settings
        environment = {name: value for name, value in inherited if not name.startswith("SCRAPR_")}
        environment |= stores | {
            "SCRAPR_WEB_HOST": address,
            "SCRAPR_WEB_TOKEN": TOKEN,
            "SCRAPR_FETCH_ALLOW": "10.77.0.0/16",
            "SCRAPR_FETCH_PACE": "0",
            "SCRAPR_FLEET_KIND": "swarm",
            "SCRAPR_FLEET_ENGINE": cluster.manager.url,
            "SCRAPR_FLEET_STACK": stack,
            "SCRAPR_FLEET_IMAGE": TAG,
            "SCRAPR_FLEET_NETWORKS": NETWORK,
            "SCRAPR_CONFIG_POOL_REPLICAS_MIN": "0",
            "SCRAPR_ORCHESTRATOR_COOLDOWN": "1",
        }
        if NETWORK not in cluster.manager.docker("network", "ls", "--format", "{{.Name}}").split():
            cluster.manager.docker("network", "create", "--driver", "overlay", "--attachable", NETWORK)
        ports = {name: find_free_port() for name in names}
        world = World(cluster, folder, environment, ports, site, stack)
        with world.living():
            yield world
