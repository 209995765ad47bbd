"""The `scrapr` command: thin commands, each importing what it needs when it runs."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; what is refused or unavailable is one line on standard error, not a traceback."""
    from scrapr.cli.app import app
    from scrapr.model.errors import Refused, ScraprError

    try:
        app()
    except ScraprError as error:
        print(f"scrapr: {error.detail}", file=sys.stderr)
        sys.exit(2 if isinstance(error, Refused) else 1)
