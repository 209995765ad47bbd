from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel

from scrapr.model.errors import Invalid
from scrapr.model.moment import Moment, show_moment
from scrapr.model.validation import parse


class Query(BaseModel):
    at: Moment


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("42", 42),
        ("0", 0),
        ("2026-06-01T21:13:07.110Z", datetime(2026, 6, 1, 21, 13, 7, 110_000, tzinfo=UTC)),
        ("2026-06-01T23:13:07+02:00", datetime(2026, 6, 1, 21, 13, 7, tzinfo=UTC)),
        ("2026-06-01T23:13:07 02:00", datetime(2026, 6, 1, 21, 13, 7, tzinfo=UTC)),
        ("2026-06-01", datetime(2026, 6, 1, tzinfo=UTC)),
    ],
)
def test_a_moment_is_a_version_or_a_time(said: str, meant: Any) -> None:
    assert parse(Query, {"at": said}).at == meant
    assert parse(Query, {"at": show_moment(meant)}).at == meant


@pytest.mark.parametrize("said", ["", "-1", "1.5", "yesterday", "9" * 30, "0001-01-01T00:00:00+09:00"])
def test_anything_else_is_refused(said: str) -> None:
    with pytest.raises(Invalid, match="at: is neither a version nor a time; allowed: a version, as 42, or"):
        parse(Query, {"at": said})
