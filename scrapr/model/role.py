"""Who asks: a person, who may mistype, or a role, which may be of another version."""

from __future__ import annotations

from typing import Final

ROLE_HEADER: Final = "Scrapr-Role"
"""Names the role that asks. Fields of its requests that are unknown here are passed over: during an upgrade it may be
newer, and know more."""
