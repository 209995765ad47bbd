"""The children's logs, kept from growing without end."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def trim(folder: Path, limit: int) -> list[Path]:
    """Begin anew each `*.log` of more than `limit` bytes, with its content kept as `*.log.1`; return which.

    The writers keep their descriptors, opened for appending. Lines written during the copy may be lost.
    """
    large = [path for path in sorted(folder.glob("*.log")) if path.stat().st_size > limit]
    for path in large:
        shutil.copyfile(path, path.with_name(path.name + ".1"))
        os.truncate(path, 0)
    return large
