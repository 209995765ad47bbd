"""Patterns that users write: RE2's, which never take more than linear time."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

from scrapr.model.validation import wrong


def check_pattern(pattern: str) -> None:
    """Raise what a validator raises for a pattern that RE2 does not take."""
    try:
        compile_pattern(pattern)
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
        raise wrong(f"is no regular expression: {reason}", allowed="RE2's syntax", field="pattern") from error


@lru_cache(maxsize=256)
def compile_pattern(pattern: str) -> Any:
    """A pattern, ready to use."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    return re2.compile(pattern, options)
