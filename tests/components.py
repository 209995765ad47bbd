"""What the tests need beyond Python: skipped aloud where it is missing, a failure where it is required."""

from __future__ import annotations

import os

import pytest


def require(component: str, missing: str | None) -> None:
    """Go on if nothing is `missing`; else skip, or fail if `SCRAPR_REQUIRE` names the component."""
    if missing is None:
        return
    required = os.environ.get("SCRAPR_REQUIRE", "")  # noqa: TID251 - CI tells the tests what must be there
    if component in required.split(","):
        pytest.fail(f"{component} is required: {missing}", pytrace=False)
    pytest.skip(f"{component}: {missing}")
