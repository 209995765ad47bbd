"""A node provider that is one of the clouds which Apache Libcloud speaks to (extra `cloud`)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from scrapr.fleet.allowance import machine_prefix
from scrapr.model.errors import Refused, Unavailable

T = TypeVar("T")


class Cloud:
    """Machines of one account. Libcloud waits for answers itself, so each act has a thread of its own."""

    def __init__(
        self,
        driver: str,
        key: str,
        secret: str,
        *,
        stack: str,
        size: str,
        image: str,
        options: Mapping[str, Any],
        within: float,
    ) -> None:
        try:
            from libcloud.compute.providers import get_driver  # noqa: PLC0415 - an extra, which only this needs
        except ImportError as error:
            raise Refused("The node provider libcloud needs `pip install 'scrapr[cloud]'`") from error
        try:
            kind: Any = get_driver(driver)
        except AttributeError as error:
            raise Refused(f"SCRAPR_NODES_DRIVER: libcloud has no driver {driver!r}") from error
        self._make: Callable[[], Any] = lambda: kind(key, secret, **options)
        self._driver: Any = None
        self._prefix = machine_prefix(stack)
        self._size, self._image, self._within = size, image, within

    async def machines(self) -> set[str]:
        """The names of this stack's machines."""
        return {
            node.name for node in await self._do(lambda driver: driver.list_nodes()) if self._is_ours(node)
        }

    async def create(self, name: str, cloud_init: str) -> None:
        """Make a machine of the size and image that the settings name."""

        def make(driver: Any) -> None:
            size = _named(driver.list_sizes(), self._size, "SCRAPR_NODES_SIZE")
            image = _named(driver.list_images(), self._image, "SCRAPR_NODES_IMAGE")
            driver.create_node(name=name, size=size, image=image, ex_userdata=cloud_init)

        await self._do(make)

    async def remove(self, name: str) -> None:
        """Destroy the machine of that name."""

        def destroy(driver: Any) -> None:
            for node in driver.list_nodes():
                if node.name == name and self._is_ours(node):
                    driver.destroy_node(node)

        await self._do(destroy)

    def _is_ours(self, node: Any) -> bool:
        return str(node.name).startswith(self._prefix)

    async def _do(self, act: Callable[[Any], T]) -> T:
        def work() -> T:
            self._driver = self._driver or self._make()
            return act(self._driver)

        try:
            async with asyncio.timeout(self._within):
                return await asyncio.to_thread(work)
        except Refused:
            raise
        except TimeoutError as error:
            raise Unavailable(f"The cloud took longer than {self._within:g} s") from error
        except Exception as error:
            raise Unavailable(f"The cloud: {error}") from error


def _named(found: list[Any], wanted: str, setting: str) -> Any:
    """The one of what a cloud offers that has this id or name."""
    for each in found:
        if wanted in {str(each.id), each.name}:
            return each
    known = ", ".join(str(each.id) for each in found[:10])
    raise Refused(f"{setting}: the cloud has no {wanted!r}; it has {known}")
