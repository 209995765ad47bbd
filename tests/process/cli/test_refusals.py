"""What commands refuse before they ask anybody, and where they print: as a user runs them, without a machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.machine import environment_with


def scrapr(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scrapr", *words],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment_with(settings),
        check=False,
    )


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("SCRAPR_MONGO_URL", "localhost:27017", "mongodb://host:27017"),
        ("SCRAPR_MONGO_URL", "mongodb://", "mongodb://host:27017"),
        ("SCRAPR_MONGO_URL", "mongodb://me:s3cr[t@host/", "mongodb://host:27017"),
        ("SCRAPR_REDIS_URL", "localhost:6379", "redis://host:6379/0"),
        ("SCRAPR_REDIS_URL", "redis://:s3cret@host:99999", "redis://host:6379/0"),
        ("SCRAPR_FETCH_ALLOW", "10.0.0.0/8,127.0.0.1/8", "127.0.0.0/8"),
        ("SCRAPR_WEB_TOKEN", "s3cr\net", "without blanks"),
        ("SCRAPR_WEB_TOKEN", "s3crät", "without blanks"),
        ("SCRAPR_FETCH_TIMEOUT", "-1", "a number above 0, up to 300"),
    ],
)
def test_a_setting_that_cannot_work_is_refused_at_once_and_no_password_is_told(
    name: str, value: str, allowed: str
) -> None:
    done = scrapr("settings", **{name: value})
    assert done.returncode == 2
    assert done.stderr.startswith(f"scrapr: {name}: is ")
    assert allowed in done.stderr
    assert "s3cr" not in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SCRAPR_MONGO_URL", "mongodb://me:secret@one:1,two:2,three/scrapr?replicaSet=rs"),
        ("SCRAPR_MONGO_URL", "mongodb+srv://me:secret@cluster.example.org/"),
        ("SCRAPR_MONGO_URL", ""),
        ("SCRAPR_REDIS_URL", "rediss://:secret@[::1]:6380/2"),
        ("SCRAPR_REDIS_URL", "unix:///run/redis.sock"),
        ("SCRAPR_REDIS_URL", ""),
    ],
)
def test_every_way_to_say_where_a_store_is_stays_allowed(name: str, value: str) -> None:
    assert scrapr("settings", **{name: value}).returncode == 0


def test_a_setting_in_small_letters_is_told_how_it_is_written() -> None:
    done = scrapr("settings", SCRAPR_fetch_allow="127.0.0.0/8")
    assert "did you mean SCRAPR_FETCH_ALLOW?" in done.stderr


@pytest.mark.parametrize(
    "entry", ["example.org", "http://example.org", "https://example.org:99999", "https://"]
)
def test_the_doctor_wants_an_entry_that_can_have_a_certificate(entry: str) -> None:
    done = scrapr("doctor", "--entry", entry)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"scrapr: --entry: {entry}")
    assert "allowed: https://host" in done.stderr


def test_a_part_of_a_pool_that_cannot_be_taken_back_is_refused() -> None:
    done = scrapr("pools", "set", "eu", "--unset", "memroy")
    assert done.returncode == 2
    assert "'memroy' is no part to take back; allowed: cpu, memory, constraints, image" in done.stderr


@pytest.fixture
def page(tmp_path: Path) -> str:
    path = tmp_path / "page.html"
    path.write_text("<h1>漢字</h1>")
    return str(path)


def test_a_full_disk_behind_standard_output_is_one_line(page: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-u", "-m", "scrapr", "try", page, "--select", "title=h1"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            env=environment_with({}),
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "scrapr: [Errno 28] No space left on device\n")


def test_letters_that_standard_output_lacks_are_told_by_their_numbers(page: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scrapr", "try", page, "--select", "title=h1"],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment_with({}) | {"PYTHONIOENCODING": "ascii"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "\\u6f22\\u5b57" in done.stdout


def test_a_closed_standard_output_keeps_no_command_from_its_work(page: str) -> None:
    command = f"{sys.executable} -m scrapr try {page} --select title=h1 >&-"
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        env=environment_with({}),
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_an_interrupt_while_the_commands_are_imported_is_no_traceback() -> None:
    code = (
        "import builtins, os, signal\n"
        "usual = builtins.__import__\n"
        "def load(name, *rest):\n"
        "    if name == 'scrapr.cli.app': os.kill(os.getpid(), signal.SIGINT)\n"
        "    return usual(name, *rest)\n"
        "from scrapr.cli import main\n"
        "builtins.__import__ = load\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--help"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
