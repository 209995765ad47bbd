"""A zygote whose replicas wait for a signal: `python zygote_script.py SOCKET`."""

import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from scrapr.fleet import zygote


def run(_role: str, environment: Mapping[str, str]) -> int:
    """Stay until told to end; a replica of the place `nowhere` fails at once."""
    if environment["SCRAPR_CLAIM_PLACE"] == "nowhere":
        return 2
    signal.pause()
    return 0


if __name__ == "__main__":
    zygote.serve(Path(sys.argv[1]), run)
