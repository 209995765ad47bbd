"""The children's logs do not grow without end."""

from __future__ import annotations

from pathlib import Path

from scrapr.embedded import logs


def test_a_large_log_begins_anew_keeps_its_past_and_its_writer_goes_on(tmp_path: Path) -> None:
    with (tmp_path / "large.log").open("ab", buffering=0) as writer:
        writer.write(b"x" * 100)
        (tmp_path / "small.log").write_bytes(b"x" * 10)
        assert logs.trim(tmp_path, 50) == [tmp_path / "large.log"]
        writer.write(b"new")
    assert (tmp_path / "large.log").read_bytes() == b"new"
    assert (tmp_path / "large.log.1").read_bytes() == b"x" * 100
    assert logs.trim(tmp_path, 50) == []
