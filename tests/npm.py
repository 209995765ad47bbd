"""Programs of Node.js for the tests: a folder with package.json, its lock and scripts, installed once and kept."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from tests.components import require


def install(config: pytest.Config, source: Path) -> Path:
    """A copy of `source` with its modules, in pytest's cache; skip or fail where there is no npm."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        require("node", "node and npm are not installed")
    files = sorted(each for each in source.iterdir() if each.suffix in {".json", ".js"})
    digest = hashlib.sha256(b"".join(each.read_bytes() for each in files)).hexdigest()[:12]
    kept = Path(config.cache.mkdir("npm")) / f"{source.name}-{digest}"
    if not kept.exists():
        fresh = Path(tempfile.mkdtemp(dir=kept.parent))
        for each in files:
            shutil.copy(each, fresh)
        command = ["npm", "ci", "--prefix", str(fresh), "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=80, check=False)
        if done.returncode:
            require("node", f"npm ci failed: {done.stderr.strip()[-500:]}")
        with suppress(OSError):  # another lane of the tests was faster
            fresh.rename(kept)
    return kept
