"""Whoever copies the verification from the documents accepts what is sent, and nothing else."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook as Signature

from tests.components import require

PAGE = (Path(__file__).parents[3] / "docs/health.md").read_text()
SECRET = "whsec_" + b64encode(bytes(range(32))).decode()
BODY = '{"type":"run.finished","data":{"title":"Café"}}'


def signed(*, age: float = 0, body: str = BODY) -> dict[str, str]:
    at = datetime.fromtimestamp(time.time() - age, UTC)
    signature = Signature(SECRET).sign("msg_1", at, body)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": f"v1a,of-another-kind {signature}",
    }


CASES: list[tuple[Callable[[], dict[str, str]], bool]] = [
    (signed, True),
    (lambda: signed(body=BODY + " "), False),
    (lambda: signed(age=3600), False),
    (lambda: {**signed(), "webhook-id": "msg_2"}, False),
    (lambda: {**signed(), "webhook-signature": "v1,"}, False),
]
"""Made when they are needed: a signature is good for five minutes."""


def example(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


@pytest.mark.parametrize(("make", "good"), CASES)
def test_the_example_in_python(make: Callable[[], dict[str, str]], good: bool) -> None:
    names: dict[str, Any] = {}
    exec(example("python"), names)
    assert names["verify"](SECRET, make(), BODY.encode()) is good


def test_the_example_in_javascript() -> None:
    node = shutil.which("node")
    require("node", None if node else "there is no node")
    calls = f"const cases = {json.dumps([make() for make, _ in CASES])};"
    calls += (
        f"console.log(JSON.stringify(cases.map((each) => verify({SECRET!r}, each, Buffer.from({BODY!r})))))"
    )
    done = subprocess.run(
        [str(node), "-"], input=example("js") + calls, capture_output=True, text=True, timeout=60, check=True
    )
    assert json.loads(done.stdout) == [good for _, good in CASES]
