"""A process that listens on all addresses tells the one at which its peers reach it."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from scrapr.model.errors import Unavailable
from scrapr.runtime.lifecycle import Lifecycle
from scrapr.runtime.settings import DrainSettings
from scrapr.web.address import find_own, is_everywhere
from scrapr.web.role import Role
from scrapr.web.server import serving
from scrapr.web.settings import WebSettings


async def test_the_own_address_is_the_one_from_which_a_peer_is_reached() -> None:
    role = Role(name="endpoint", home="/items", routes=(), loops=())
    settings = WebSettings(host="0.0.0.0", token=SecretStr("token"))
    lifecycle = Lifecycle(DrainSettings())
    async with serving(role, settings, lifecycle, port=0, close=0.1, peer="127.0.0.9") as url:
        assert url.startswith("http://127.0.0.1:")
    told = settings.model_copy(update={"advertise": "https://public.example"})
    async with serving(role, told, lifecycle, port=0, close=0.1, peer="127.0.0.9") as url:
        assert url == "https://public.example"


async def test_a_peer_without_an_address_is_unavailable() -> None:
    with pytest.raises(Unavailable, match=r"nobody\.invalid is not found"):
        await find_own("nobody.invalid")


@pytest.mark.parametrize(
    ("host", "everywhere"), [("0.0.0.0", True), ("::", True), ("127.0.0.1", False), ("localhost", False)]
)
def test_only_the_unspecified_address_is_everywhere(host: str, everywhere: bool) -> None:
    assert is_everywhere(host) is everywhere
