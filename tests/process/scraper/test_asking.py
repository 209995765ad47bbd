"""A configuration's secrets reach its own site, and are in nothing that scrapr keeps or says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiohttp import web

from tests.conftest import Until
from tests.process.scraper.peers import World, render
from tests.process.scraper.test_runs import run_once

SECRET = "s3cr3t-v4lue"


async def test_a_run_sends_its_secrets_to_its_source_alone(
    world: World, until: Until, tmp_path: Path, capfd: Any
) -> None:
    (tmp_path / "127.0.0.1").mkdir()
    (tmp_path / "127.0.0.1" / "key").write_text(SECRET)
    world.fetch = world.fetch.model_copy(update={"secrets": tmp_path})
    seen: list[tuple[str, str, bool]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append((request.host, request.path, request.headers.get("X-Key") == SECRET))
        links = {"/1": f"http://127.0.0.2:{port}/2", "/2": f"http://127.0.0.1:{port}/3"}
        return render([request.path], links.get(request.path))

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    await web.TCPSite(runner, "127.0.0.2", port).start()
    scraper = world.configuration().scraper
    assert scraper is not None
    try:
        run = await run_once(
            world,
            until,
            scraper=scraper.model_copy(update={"source": f"http://127.0.0.1:{port}/1"}),
            fetch={"headers": {"X-Key": {"$secret": "key"}}},
        )
    finally:
        await runner.cleanup()
    pages = [each for each in seen if each[1] != "/robots.txt"]
    assert pages == [
        (f"127.0.0.1:{port}", "/1", True),
        (f"127.0.0.2:{port}", "/2", False),
        (f"127.0.0.1:{port}", "/3", True),
    ]
    assert run.outcome == "complete"
    kept = [await world.redis.dump(key) for key in await world.redis.keys("*")]
    told = f"{run!r}{world.datasource.batches!r}{kept!r}{capfd.readouterr()}"
    assert SECRET not in told
