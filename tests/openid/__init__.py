"""A real OpenID provider, npm's oidc-provider, at which the tests get access tokens."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.npm import install

HERE = Path(__file__).parent
AUDIENCE, BRIEF, OTHER = "http://scrapr.test", "http://brief.test", "http://other.test"
"""What tokens are for: scrapr; scrapr, but for a second; something else."""


@dataclass(frozen=True)
class Provider:
    """Where it is, and what it gives."""

    url: str

    def token(self, scope: str, audience: str = AUDIENCE) -> str:
        """An access token, by client credentials (RFC 6749, section 4.4; RFC 8707)."""
        wish = {"grant_type": "client_credentials", "scope": scope, "resource": audience}
        answer = httpx.post(f"{self.url}/token", data=wish, auth=("client", "secret"), timeout=10)
        return str(answer.raise_for_status().json()["access_token"])


@contextmanager
def provider(config: pytest.Config, port: int) -> Iterator[Provider]:
    """The provider with keys that nobody had before, listening."""
    command = ["node", "provider.js", str(port)]
    with subprocess.Popen(
        command, cwd=install(config, HERE), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        try:
            while "listening" not in (line := process.stdout.readline()):
                assert line, "the provider ended"
            yield Provider(f"http://127.0.0.1:{port}")
        finally:
            process.kill()
