"""The `scrapr` command: thin commands, each importing what it needs when it runs."""

from __future__ import annotations

import errno
import io
import os
import sys

INTERRUPTED = 130
"""128 and SIGINT's number, as shells have it."""


def main() -> None:
    """Run the command line; what is refused or unavailable is one line on standard error, not a traceback."""
    try:
        from scrapr.cli.app import app

        _make_writable()
        app()
    except KeyboardInterrupt:
        # While the commands are imported; once one runs, typer ends it.
        sys.exit(INTERRUPTED)
    except Exception as error:
        # Our errors are imported here and not before: pydantic would be half the time of `scrapr --help`.
        from scrapr.model.errors import Refused, ScraprError

        if not isinstance(error, ScraprError) and not _is_full_disk(error):
            raise
        print(f"scrapr: {error.detail if isinstance(error, ScraprError) else error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, Refused) else 1)


def _make_writable() -> None:
    """Let any text be printed: also where standard output is closed, or in an encoding that lacks some letters."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - open until this process ends
    elif isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _is_full_disk(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno == errno.ENOSPC
