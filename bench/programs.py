"""The programs that do the same work beside scrapr's roles, each in a process of its own: where they are, how they run.

Each is called as `MODE PAGES CONCURRENCY BASE OUT` and tells in one line of JSON how many pages and items it had, in
how many seconds, with how many seconds of CPU. What they need is installed once, into a folder outside of the project.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.work import Work

PEERS = Path(__file__).parent / "peers"
GOQUERY = Path("/usr/share/gocode/src/github.com/PuerkitoBio/goquery")
TIMEOUT = 300


class NotInstalled(Exception):
    """A peer cannot be had here; the text says why."""


@dataclass(frozen=True)
class Program:
    """One row of the table. `part`: it does one in so many of the pages, because it would take too long for all."""

    name: str
    command: tuple[str, ...]
    words: tuple[str, ...] = ()
    part: int = 1

    def run(self, mode: str, pages: int, concurrency: int, base: str, out: Path) -> Work:
        """Do the work, and check that it was done."""
        wanted = max(1, pages // self.part)
        command = [*self.command, mode, str(wanted), str(concurrency), base, str(out), *self.words]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=True)
        except subprocess.CalledProcessError as error:
            raise SystemExit(f"{self.name} failed: {error.stderr[-2000:]}") from error
        told = json.loads(done.stdout.splitlines()[-1])
        work = Work(told["pages"], told["items"], told["seconds"], told["cpu"], told.get("others", {}))
        work.check(self.name, wanted)
        with out.open("rb") as lines:
            if (written := sum(1 for _ in lines)) != work.items:
                raise SystemExit(f"{self.name} wrote {written} items, but tells of {work.items}")
        return work


@dataclass(frozen=True)
class Bench:
    """All programs that can be had here, and why the others cannot."""

    programs: tuple[Program, ...]
    missing: dict[str, str] = field(default_factory=dict)


def prepare(cache: Path, wanted: Callable[[str], bool]) -> Bench:
    """Install what the wanted peers need under `cache`, once."""
    ours = (sys.executable,)
    programs = [
        Program("floor", (*ours, str(PEERS / "floor.py"))),
        Program("floor, mongod", (*ours, "-m", "bench.peers.floor_mongo")),
        Program("rooms", (*ours, str(PEERS / "rooms.py"))),
        Program("rooms, threads", (*ours, str(PEERS / "rooms.py")), words=("threads",)),
        Program("alone", (*ours, "-m", "bench.peers.alone")),
    ]
    missing = {}
    makers: dict[str, Callable[[], Program]] = {
        "goquery": lambda: Program("goquery", _go(cache)),
        "parsel": lambda: Program("parsel", _python(cache, "parsel_inline.py")),
        "crawlee": lambda: Program("crawlee", _python(cache, "crawlee_parsel.py"), part=2),
        "scrapy": lambda: Program("scrapy", _python(cache, "scrapy_spider.py"), part=3),
        "x-ray": lambda: Program("x-ray", _node(cache), part=3),
    }
    for name, make in makers.items():
        if wanted(name):
            try:
                programs.append(make())
            except NotInstalled as reason:
                missing[name] = str(reason)
    return Bench(tuple(each for each in programs if wanted(each.name)), missing)


def _python(cache: Path, script: str) -> tuple[str, ...]:
    folder, lock = cache / "python", PEERS / "requirements.txt"
    interpreter = folder / "bin/python"
    if _is_stale(folder, lock):
        print(f"installing the peers on Python into {folder} …", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        _install([str(interpreter), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(lock)])
        _keep(folder, lock)
    return (str(interpreter), str(PEERS / script))


def _node(cache: Path) -> tuple[str, ...]:
    folder, lock = cache / "node", PEERS / "package-lock.json"
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise NotInstalled("needs node and npm")
    if _is_stale(folder, lock):
        print(f"installing the peers on Node into {folder} …", flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        for each in (lock, PEERS / "package.json"):
            shutil.copy(each, folder / each.name)
        _install([npm, "ci", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder)])
        _keep(folder, lock)
    # Node looks for modules beside the script.
    return (node, str(shutil.copy(PEERS / "xray.js", folder / "xray.js")))


def _go(cache: Path) -> tuple[str, ...]:
    go = shutil.which("go")
    if go is None or not GOQUERY.is_dir():
        raise NotInstalled(
            "needs Go and goquery: apt install golang-go golang-github-puerkitobio-goquery-dev"
        )
    program = cache / "goquery"
    settings = ("env", "GO111MODULE=off", "GOPATH=/usr/share/gocode", f"GOCACHE={cache / 'go'}")
    _install([*settings, go, "build", "-o", str(program), str(PEERS / "goquery.go")])
    return (str(program),)


def _is_stale(folder: Path, lock: Path) -> bool:
    kept = folder / "installed"
    return not kept.is_file() or kept.read_bytes() != lock.read_bytes()


def _keep(folder: Path, lock: Path) -> None:
    shutil.copy(lock, folder / "installed")


def _install(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=900)
    except subprocess.SubprocessError as error:
        told = str(getattr(error, "stderr", "") or error).strip()
        raise NotInstalled(f"{' '.join(command[:4])} … failed: {told[-300:]}") from error
