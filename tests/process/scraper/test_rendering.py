"""Runs over pages whose items are made by scripts."""

from __future__ import annotations

import importlib.util

import pytest
from aiohttp import web

from scrapr.fetching.settings import FetchSettings
from tests.components import require
from tests.conftest import Until
from tests.process.scraper.peers import World
from tests.process.scraper.test_runs import run_once

SHOP = """<ul id=list></ul><a class=next href=/2>next</a><script>
    fetch("/names").then(answer => answer.text()).then(names => {
        list.innerHTML = names.split(" ").map(name => `<li class=thing><h3>${name}</h3></li>`).join("")
    })
</script>"""


def missing() -> str | None:
    if not FetchSettings().browser.exists():
        return f"there is no {FetchSettings().browser}"
    return None if importlib.util.find_spec("playwright") else "the extra scrapr[browser] is not installed"


@pytest.mark.parametrize("render", [True, "auto", False])
async def test_a_run_has_the_items_that_scripts_make_if_it_is_to(
    world: World, until: Until, render: bool | str
) -> None:
    require("chromium", missing())

    async def shop() -> web.StreamResponse:
        return web.Response(text=SHOP, content_type="text/html")

    async def names() -> web.StreamResponse:
        return web.Response(text="lamp chair")

    world.site.pages |= {"/1": shop, "/names": names}
    world.site.show("/2", ["plain"])
    run = await run_once(world, until, fetch={"render": render, "retries": 0})
    assert world.datasource.titles() == (["lamp", "chair", "plain"] if render else ["plain"])
    assert run.outcome == "complete"
    assert world.site.visits.count("/names") == (1 if render else 0)
