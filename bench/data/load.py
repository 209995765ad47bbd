"""Load by wrk, and the servers that are loaded, each in a process of its own on loopback."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

TOLD = re.compile(r"^\s*(\d+) requests in ", re.MULTILINE)
RATE = re.compile(r"^Requests/sec:\s+([\d.]+)", re.MULTILINE)
FAILED = re.compile(r"(?:Non-2xx or 3xx responses|Socket errors).*")
CONNECTIONS = 32
READY_WITHIN = 60.0


@dataclass(frozen=True)
class Load:
    """Answers a second, and microseconds of the server's CPU for each."""

    rate: float
    cost: float


def load(url: str, *, process: int, seconds: float, headers: Mapping[str, str]) -> Load:
    """Ask over 32 connections without a pause. Any error ends the benchmark: errors are quick."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise SystemExit("wrk is not installed: apt install wrk")
    words = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    before = _cpu(process)
    told = subprocess.run(
        [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "--timeout", "30s", *words, url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    spent = _cpu(process) - before
    count, rate = TOLD.search(told), RATE.search(told)
    if (failed := FAILED.search(told)) or count is None or rate is None:
        raise SystemExit(f"{url}: {failed[0] if failed else told}")
    return Load(float(rate[1]), spent / int(count[1]) * 1e6)


def _cpu(number: int) -> float:
    process = psutil.Process(number)
    return sum(sum(each.cpu_times()[:2]) for each in (process, *process.children(recursive=True)))


@contextmanager
def serving(command: Sequence[str], url: str) -> Iterator[int]:
    """Run a server until the end, and give its process once it answers at `url`."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + READY_WITHIN
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{command[0]} does not answer at {url}")
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def fetch(url: str) -> tuple[bytes, str]:
    """A body and its entity tag."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read(), answer.headers.get("ETag", "")
