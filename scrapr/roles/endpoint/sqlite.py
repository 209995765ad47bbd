"""An SQLite database that lives as long as this process: one writer, and readers that see whole transactions."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from time import monotonic

from scrapr.model.errors import Unavailable

CACHE_KIB = 16_384
CHECKPOINT = 4000
"""Pages of the log after which they go into the database: rarer is faster, and costs 16 MB."""
LOOK = 10_000
"""Steps of SQLite between two looks at the clock: some tens of microseconds."""


class Sqlite:
    """The files have no names: even a killed process leaves nothing behind."""

    def __init__(self, tables: str, *, folder: str, readers: int) -> None:
        with tempfile.TemporaryDirectory(dir=folder or None, prefix="scrapr-mirror-") as place:
            path = Path(place) / "mirror.sqlite"
            self.writer = _open(path)
            self.writer.execute(tables)
            self._readers: SimpleQueue[sqlite3.Connection] = SimpleQueue()
            for _ in range(readers):
                reader = _open(path)
                # A first look opens the log, too: from here on no file is opened by its name.
                reader.execute("SELECT count(*) FROM sqlite_schema").fetchone()
                self._readers.put(reader)
        self.writing = Lock()
        """Whoever uses the writer holds it; it is the thread's, for an awaiting task may be cancelled meanwhile."""

    def close(self) -> None:
        """Forget everything."""
        with self.writing:
            self.writer.close()
        while not self._readers.empty():
            self._readers.get().close()

    @contextmanager
    def written(self) -> Iterator[None]:
        """One transaction of the writer."""
        with self.writing:
            self.writer.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self.writer.execute("ROLLBACK")
                raise
            self.writer.execute("COMMIT")

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A reader within one transaction: all its queries see the same state."""
        reader = self._readers.get()
        try:
            reader.execute("BEGIN")
            try:
                yield reader
            finally:
                reader.execute("COMMIT")
        finally:
            self._readers.put(reader)


@contextmanager
def bounded(reader: sqlite3.Connection, seconds: float) -> Iterator[None]:
    """Raise `Unavailable` where `reader` is at it for longer than `seconds`."""
    deadline = monotonic() + seconds
    reader.set_progress_handler(lambda: monotonic() > deadline, LOOK)
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        raise Unavailable(f"The query takes longer than {seconds:g} s", retry_after=5) from error
    finally:
        reader.set_progress_handler(None, 0)


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.text_factory = bytes
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")
    return connection
