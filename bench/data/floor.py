"""The floor of posting: aiohttp, uvloop, orjson and PyMongo's `insert_many` by hand. `PORT MONGO_URL`."""

from __future__ import annotations

import sys

import orjson
import pymongo
import uvloop
from aiohttp import web


async def main(port: int, url: str) -> None:
    """Serve until the end of the process."""
    async with pymongo.AsyncMongoClient[dict[str, object]](url) as client:
        concern = pymongo.WriteConcern("majority", j=True)
        floor = client.get_database("bench", write_concern=concern)["floor"]

        async def take(request: web.Request) -> web.Response:
            items = orjson.loads(await request.read())["data"]
            await floor.insert_many(items)
            body = orjson.dumps({"ok": True, "accepted": len(items)})
            return web.Response(body=body, content_type="application/json")

        app = web.Application(client_max_size=2**24)
        app.router.add_post("/items", take)
        await web._run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)  # noqa: SLF001 - run_app


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2]))
