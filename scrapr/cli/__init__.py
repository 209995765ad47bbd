"""The `scrapr` command: thin commands, each importing what it needs when it runs."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; what is refused or unavailable is one line on standard error, not a traceback."""
    from scrapr.cli.app import app

    try:
        app()
    except Exception as error:
        # Our errors are imported here and not before: pydantic would be half the time of `scrapr --help`.
        from scrapr.model.errors import Refused, ScraprError

        if not isinstance(error, ScraprError):
            raise
        print(f"scrapr: {error.detail}", file=sys.stderr)
        sys.exit(2 if isinstance(error, Refused) else 1)
