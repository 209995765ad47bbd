"""Suspicious pages are extracted in processes of their own, within limits of time and memory."""

from __future__ import annotations

import asyncio
import io
import os
import pickle
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import structlog

from scrapr.extraction.extract import Extraction
from scrapr.extraction.rules import Rules
from scrapr.model.errors import Refused, TooLarge, Unavailable
from scrapr.roles.scraper import cell, metrics
from scrapr.roles.scraper.settings import ScraperSettings

log = structlog.get_logger()
T = TypeVar("T")

ANSWER_MOST = 16 * 1024 * 1024
"""Bytes of a page's extraction; as objects it may be twenty times as large."""
THREADS = 4
"""For pages that are not suspicious; half of an extraction holds the interpreter, so more would only take turns."""
READY_WITHIN = 30.0
"""Seconds for a new process to be ready, on a machine that is busy."""
PIECE = 65_536

_ALLOWED = frozenset(
    {("scrapr.extraction.extract", name) for name in ("Extraction", "Follow")}
    | {("scrapr.extraction.values", name) for name in ("Missing", "OpenList", "OpenObject", "Pending")}
    | {("scrapr.extraction.rules", "_compile_again")}
)


class HostilePage(Refused):
    """The page costs more time or memory than a page may"""


class Isolation:
    """Up to `settings.cells` processes that are started when needed, used again, and killed at their limits."""

    def __init__(self, settings: ScraperSettings) -> None:
        self._settings = settings
        self._places = asyncio.Semaphore(settings.cells)
        self._idle: list[_Cell] = []
        self._open = True
        self._threads = ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1), thread_name_prefix="extract")

    async def extract(self, rules: Rules, text: str, url: str, *, why: str) -> Extraction:
        """As `extraction.extract`; `why` says what is suspicious about the page.

        Raises `HostilePage` with the page and the limit that it passed, `TooLarge` as `extract` does, and
        `Unavailable` when no process can be started.
        """
        question = pickle.dumps((pickle.dumps(rules), text, url), protocol=5)
        async with self._places:
            kind, answer = await self._ask(question)
        metrics.ISOLATED.labels("found" if kind == cell.FOUND else "failed").inc()
        if kind == cell.FOUND:
            # Larger ones take longer than the other work of the process should wait.
            return await self.work(partial(_read, answer)) if len(answer) > PIECE else _read(answer)
        detail = bytes(answer).decode(errors="replace")
        if kind == cell.REFUSED:
            raise TooLarge(detail)
        log.warning("hostile page", url=url, suspicion=why, reason=self._explain(kind, detail))
        raise HostilePage(f"{url}: hostile-page: {self._explain(kind, detail)} ({why})")

    async def work(self, call: Callable[[], T]) -> T:
        """What `call` gives, which is made in a thread of this process."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    async def keep(self) -> None:
        """Keep the processes until cancelled."""
        try:
            await asyncio.Event().wait()
        finally:
            await self.close()

    async def close(self) -> None:
        """End all processes; those at work end when their pages do."""
        self._open = False
        while self._idle:
            await self._idle.pop().kill()

    async def _ask(self, question: bytes) -> tuple[int, memoryview]:
        """The kind of the answer and the rest of it; a process that dies of the question is `cell.DIED`."""
        found = self._find() or await _Cell.start(self._settings)
        is_last = True
        try:
            async with asyncio.timeout(self._settings.cell_seconds):
                answer = await found.ask(question)
            is_last = bool(answer[0] & cell.LAST) or not self._open
            return answer[0] & ~cell.LAST, memoryview(answer)[1:]
        except TimeoutError:
            return cell.TIME, memoryview(b"")
        except (EOFError, ConnectionError):
            code = await found.kill()
            return (cell.TIME, memoryview(b"")) if code == -signal.SIGXCPU else (cell.DIED, _name(code))
        finally:
            if is_last:
                await found.kill()
            else:
                self._idle.append(found)

    def _find(self) -> _Cell | None:
        while self._idle:
            found = self._idle.pop()
            if found.is_alive:
                return found
        return None

    def _explain(self, kind: int, detail: str) -> str:
        settings = self._settings
        return {
            cell.TIME: f"took more than {settings.cell_seconds:g} s",
            cell.MEMORY: f"took more than {settings.cell_memory} MiB",
            cell.LONG: f"gives more than {ANSWER_MOST // 2**20} MiB of values",
        }.get(kind, f"broke its extraction: {detail}")


class _Cell:
    """A process that runs `cell.py`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - both are pipes
        self._process = process
        self._questions = process.stdin
        self._answers = process.stdout

    @classmethod
    async def start(cls, settings: ScraperSettings) -> _Cell:
        """A process that is ready. Raises `Unavailable`."""
        limits = (settings.cell_seconds, settings.cell_memory * 2**20, ANSWER_MOST)
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", cell.__name__, str(os.getpid()), *map(str, limits)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=16 * PIECE,
                start_new_session=True,
                # None of the secrets that this process may have been given by its environment.
                env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        except OSError as error:
            raise Unavailable(f"No process for suspicious pages can be started: {error}") from error
        started = cls(process)
        try:
            async with asyncio.timeout(READY_WITHIN):
                await started.hear()
        except (TimeoutError, EOFError, ConnectionError) as error:
            code = await started.kill()
            raise Unavailable(f"A process for suspicious pages ended at once, by {code}") from error
        except BaseException:
            await started.kill()
            raise
        return started

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None and not self._answers.at_eof()

    async def ask(self, question: bytes) -> bytes:
        """The answer. Raises `EOFError` or `ConnectionError` if the process dies of it."""
        self._questions.write(cell.LENGTH.pack(len(question)))
        self._questions.write(question)
        await self._questions.drain()
        return await self.hear()

    async def hear(self) -> bytes:
        length = cell.LENGTH.unpack(await self._answers.readexactly(cell.LENGTH.size))[0]
        if length > ANSWER_MOST:
            raise EOFError(f"an answer of {length} bytes is none of cell.py")
        return await self._answers.readexactly(length)

    async def kill(self) -> int:
        """End the process; its exit code."""
        # Not by the process's own `kill`, which would take the exit code of one that died already for itself.
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)
        self._questions.close()
        while await self._answers.read(PIECE):
            pass
        return await self._process.wait()


class _Pieces(io.RawIOBase):
    """Bytes that are read by calls of Python, between which other threads get their turn."""

    def __init__(self, answer: memoryview) -> None:
        self._answer = answer
        self._at = 0

    def read(self, size: int = -1, /) -> bytes:
        end = len(self._answer) if size < 0 else self._at + size
        piece = bytes(self._answer[self._at : end])
        self._at += len(piece)
        return piece


class _Unpickler(pickle.Unpickler):
    """Reads extractions and nothing else: who broke the parser may have written the answer."""

    def find_class(self, module: str, name: str, /) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of an extraction")
        return super().find_class(module, name)


def _read(answer: memoryview) -> Extraction:
    extraction = _Unpickler(_Pieces(answer)).load()
    if not isinstance(extraction, Extraction):
        raise pickle.UnpicklingError("the answer is no extraction")
    return extraction


def _name(code: int) -> memoryview:
    return memoryview((signal.Signals(-code).name if code < 0 else f"exit code {code}").encode())
