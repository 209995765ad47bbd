"""A node provider that is any program: `COMMAND create NAME`, `COMMAND remove NAME`, `COMMAND list`."""

from __future__ import annotations

import asyncio
import shlex
from asyncio.subprocess import PIPE

from scrapr.model.errors import Refused, Unavailable

TOLD = 500
"""Characters of a program's complaint that are told on."""


class Command:
    """Runs a program for each act; `within` is how many seconds one may take."""

    def __init__(self, command: str, *, within: float) -> None:
        self._words = shlex.split(command)
        self._within = within
        if not self._words:
            raise Refused("SCRAPR_NODES_COMMAND is empty; allowed: a program and its first arguments")

    async def machines(self) -> set[str]:
        """The names that the program lists, one a line."""
        return set((await self._run("list")).split())

    async def create(self, name: str, cloud_init: str) -> None:
        """Let the program make a machine; it reads `cloud_init` from its standard input."""
        await self._run("create", name, told=cloud_init)

    async def remove(self, name: str) -> None:
        """Let the program unmake a machine."""
        await self._run("remove", name)

    async def _run(self, *words: str, told: str = "") -> str:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._words, *words, stdin=PIPE, stdout=PIPE, stderr=PIPE, start_new_session=True
            )
        except OSError as error:
            raise Unavailable(f"{self._words[0]} cannot be run: {error.strerror}") from error
        try:
            async with asyncio.timeout(self._within):
                output, complaint = await process.communicate(told.encode())
        except TimeoutError as error:
            raise Unavailable(f"{' '.join(words)} took longer than {self._within:g} s") from error
        finally:
            if process.returncode is None:
                process.kill()
        if process.returncode:
            why = complaint.decode(errors="replace").strip()[-TOLD:] or f"exit code {process.returncode}"
            raise Unavailable(f"{' '.join(words)} failed: {why}")
        return output.decode(errors="replace")
