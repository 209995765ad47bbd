"""Backups of roles: their streams into files, and files back into streams. Files are written and read in threads."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import orjson

import scrapr
from scrapr.client.transport import Transport, as_kind
from scrapr.model.backup import Manifest, Part, Parts
from scrapr.model.errors import Damaged, Refused
from scrapr.model.times import now
from scrapr.model.validation import parse, read_json
from scrapr.storage import frames
from scrapr.storage.frames import Tally

MANIFEST = "manifest.json"
PIECE = 8 * 2**20


async def back_up(folder: Path, roles: dict[str, Transport]) -> Manifest:
    """Write what the `roles` keep into `folder`, which must be new or empty; its manifest comes last."""
    _make_empty(folder)
    parts = {role: await _fetch(folder / role, transport) for role, transport in roles.items()}
    manifest = Manifest(scrapr=scrapr.__version__, taken_at=now(), roles=parts)
    _write(folder, manifest)
    return manifest


def _write(folder: Path, manifest: Manifest) -> None:
    new = folder / f"{MANIFEST}.new"
    new.write_bytes(orjson.dumps(manifest.model_dump(mode="json"), option=orjson.OPT_INDENT_2))
    _sync(new)
    new.rename(folder / MANIFEST)
    _sync(folder)


def _make_empty(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        empty = not any(folder.iterdir())
    except OSError as error:
        raise Refused(f"{folder}: {error.strerror}; allowed: a folder that is new or empty") from error
    if not empty:
        raise Refused(f"{folder} is not empty; allowed: a folder that is new or empty")


async def _fetch(folder: Path, transport: Transport) -> dict[str, Part]:
    tallies: dict[str, Tally] = {}
    with ExitStack() as stack:
        files: dict[str, BinaryIO] = {}
        async with transport.stream("/v1/backup", None) as stream:
            _make_empty(folder)  # not before: where nobody answers, the same command may be given again
            async for each in frames.read(stream):
                if isinstance(each, Parts):
                    return await asyncio.to_thread(_close, folder, files, tallies, each)
                name, piece = each
                if name not in files:
                    files[name] = stack.enter_context(_open(folder / _file(name)))
                    tallies[name] = Tally()
                tallies[name].add(piece)
                await asyncio.to_thread(files[name].write, piece)
    raise AssertionError("unreachable: a stream ends with its parts, or is damaged")


def _open(path: Path) -> BinaryIO:
    return path.open("xb")


def _close(
    folder: Path, files: dict[str, BinaryIO], tallies: dict[str, Tally], told: Parts
) -> dict[str, Part]:
    for name, wanted in told.parts.items():
        if name not in files:
            (folder / _file(name)).touch()
        elif tallies[name].part != wanted:
            raise Damaged(f"What came of {name} is not what was sent")
    for file in files.values():
        file.flush()
        os.fsync(file.fileno())
    return dict(told.parts)


async def restore(folder: Path, roles: dict[str, Transport]) -> dict[str, dict[str, Part]]:
    """Check all files of a backup, and give the `roles`, in this order, what they kept; tells what they made of it.

    Each is asked first whether it would take it: what one refuses later is half restored, and so of no use.
    """
    manifest = read_manifest(folder)
    lacking = [role for role in roles if role not in manifest.roles]
    if lacking:
        raise Refused(f"{folder / MANIFEST} tells nothing of {', '.join(lacking)}")
    for role in roles:
        await asyncio.to_thread(_check, folder / role, manifest.roles[role])
    for role, transport in roles.items():
        await _rehearse(manifest.roles[role], transport)
    restored = {}
    for role, transport in roles.items():
        parts = manifest.roles[role]
        async with transport.stream("/v1/restore", _read(folder / role, parts)) as stream:
            content = b"".join([piece async for piece in stream])
        restored[role] = as_kind(Parts, orjson.loads(content)).parts
        for name, part in parts.items():
            got = restored[role].get(name)
            if got is None or (got.documents, got.sha256) != (part.documents, part.sha256):
                raise Damaged(f"{role} has restored {name} as something else than the backup holds")
    return restored


async def _rehearse(parts: dict[str, Part], transport: Transport) -> None:
    """Restore the same collections with nothing in them."""

    async def nothing() -> AsyncIterator[bytes]:
        yield frames.last(Parts(parts=dict.fromkeys(parts, Tally().part)))

    async with transport.stream("/v1/restore", nothing()) as stream:
        async for _ in stream:
            pass


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a backup."""
    try:
        return parse(Manifest, read_json((folder / MANIFEST).read_bytes()))
    except OSError as error:
        raise Refused(f"{folder / MANIFEST}: {error.strerror}; without a manifest it is no backup") from error
    except Refused as error:
        raise Refused(f"{folder / MANIFEST} is no manifest of this version: {error.detail}") from error


def _check(folder: Path, parts: dict[str, Part]) -> None:
    for name, part in parts.items():
        tally, path = Tally(), folder / _file(name)
        try:
            for piece in _pieces(path):
                tally.add(piece)
        except OSError as error:
            raise Damaged(f"{path}: {error.strerror}") from error
        if (tally.documents, tally.part.sha256) != (part.documents, part.sha256):
            raise Damaged(f"{path} is not what the manifest says: it was changed, or is incomplete")


async def _read(folder: Path, parts: dict[str, Part]) -> AsyncIterator[bytes]:
    for name in parts:
        pieces = _pieces(folder / _file(name))
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            yield frames.frame(name, piece)
    yield frames.last(Parts(parts=parts))


def _pieces(path: Path) -> Iterator[bytes]:
    """A file in pieces of whole documents."""
    with path.open("rb") as file:
        held = b""
        while True:
            more = file.read(PIECE)
            held += more
            whole = frames.whole(held)
            if whole:
                yield held[:whole]
                held = held[whole:]
            if not more:
                break
        if held:
            raise Damaged(f"{path} ends within a document")


def _file(name: str) -> str:
    if not name.isidentifier():
        raise Damaged(f"{name[:100]!r} is no name of a collection")
    return f"{name}.bson"


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
