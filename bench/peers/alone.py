"""scrapr's own runs, to a datasource that only acknowledges. `MODE PAGES CONCURRENCY BASE OUT`.

Limits of hosts are shared through a Redis of its own, batches leave as they do in the product, and the datasource is a
process that writes the items to the file. Pages that are independent of each other are as many runs as have so many
requests at the same time, each of which goes through its share by pagination, as in `whole.py`.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from ipaddress import ip_network
from pathlib import Path

import orjson
import uvloop
from aiohttp import web
from pydantic import SecretStr

from bench.work import shape
from scrapr.bootstrap.life import GARBAGE
from scrapr.client.datasource import DatasourceClient
from scrapr.client.settings import ClientSettings
from scrapr.client.transport import Transport, at, open_session
from scrapr.embedded import redis as embedded
from scrapr.embedded.settings import EmbeddedSettings
from scrapr.fetching.client import Client
from scrapr.fetching.settings import FetchSettings
from scrapr.model import times
from scrapr.model.claim import Claim
from scrapr.model.configuration import Configuration
from scrapr.roles.scraper.courier import Courier
from scrapr.roles.scraper.hosts import share
from scrapr.roles.scraper.isolation import Isolation
from scrapr.roles.scraper.run import Run, Tools, make_id
from scrapr.roles.scraper.settings import ScraperSettings
from scrapr.roles.scraper.store import Store
from scrapr.storage.redis import connect
from scrapr.storage.settings import RedisSettings

FETCH = FetchSettings(allow=(ip_network("127.0.0.0/8"),), pace=0, adaptive=False, robots=False)
SETTINGS = ScraperSettings()
SCRAPER = {
    "scope": "li.resultItem",
    "selector": [
        {
            "title": "h3.resultItem-name a | trim",
            "url": "h3.resultItem-name a@href",
            "address": "div.resultItem-address | trim",
            "price": "div.resultItem-price .price | trim",
        }
    ],
    "paginate": "div.pagination li.next a@href",
}


def _claims(base: str, pages: int, chains: int) -> Iterator[Claim]:
    now = times.now()
    starts = [each * pages // chains for each in range(chains + 1)]
    for first, after in itertools.pairwise(starts):
        scraper = SCRAPER | {"source": f"{base}/seq/p{first + 1}.html", "limit": after - first}
        values = {"id": f"c{first}", "type": "scraper", "collection": "bench", "key": ["url"], "ttl": 3600}
        configuration = Configuration.model_validate(
            values | {"scraper": scraper, "created_at": now, "updated_at": now}
        )
        yield Claim(configuration=configuration, epoch=1, expires_at=now)


async def main(pages: int, concurrency: int, base: str, out: Path) -> None:
    """Run and print one line of JSON."""
    gc.set_threshold(GARBAGE, *gc.get_threshold()[1:])  # as a role does
    chains, per_host = shape(concurrency)
    claims = list(_claims(base, pages, chains))
    fetch = FETCH.model_copy(update={"per_host": per_host})
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        at_redis = await stack.enter_async_context(embedded.running(folder, EmbeddedSettings()))
        redis = await stack.enter_async_context(connect(RedisSettings(url=SecretStr(at_redis))))
        url = stack.enter_context(_datasource(out))
        session = await stack.enter_async_context(open_session(ClientSettings(), ""))
        fetcher = await stack.enter_async_context(Client(fetch, share(redis, SETTINGS, "scraper-1")))
        courier = Courier(DatasourceClient(Transport(session, at(url), ClientSettings())))
        tools = Tools(fetcher, courier, Isolation(SETTINGS), Store(redis, SETTINGS), SETTINGS)
        started, cpu = time.perf_counter(), time.process_time()
        ended = await asyncio.gather(*(Run(tools, claim, make_id()).make() for claim in claims))
        spent = {"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}
    print(
        json.dumps(
            {"pages": sum(run.pages for run in ended), "items": sum(run.items for run in ended), **spent}
        )
    )


@contextmanager
def _datasource(out: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "bench.peers.alone", str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


async def acknowledge(out: Path) -> None:
    """Take batches, write their items, and say that they are durable."""
    with out.open("wb", buffering=0) as file:

        async def take(request: web.Request) -> web.Response:
            value = orjson.loads(await request.read())
            parcels = value if isinstance(value, list) else [value]
            items = [item for each in parcels for item in each.get("data", ())]
            file.write(b"".join(orjson.dumps(item, option=orjson.OPT_APPEND_NEWLINE) for item in items))
            receipts = [{"accepted": len(each.get("data", ())), "run": each["run"]} for each in parcels]
            answer = {"receipts": receipts} if isinstance(value, list) else receipts[0]
            return web.Response(body=orjson.dumps(answer), content_type="application/json")

        app = web.Application(client_max_size=2**26)
        app.router.add_post("/v1/items", take)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    if len(sys.argv) == 2:
        uvloop.run(acknowledge(Path(sys.argv[1])))
    else:
        uvloop.run(main(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], Path(sys.argv[5])))
