"""A backup of the data, and what is made of it elsewhere."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import bson
import pytest
from structlog.testing import capture_logs

from scrapr.client import backup
from scrapr.client.transport import at
from scrapr.model.errors import Conflict, Damaged, Refused, Unavailable
from scrapr.roles.datasource.settings import DatasourceSettings
from scrapr.storage.mongo import Database

KINDS = ("records", "changes", "quarantine", "runs", "inbox")


@pytest.fixture
async def elsewhere(database: Database) -> Any:
    """Another database on the same server."""
    yield database.client.get_database(
        f"{database.name}_2",
        codec_options=database.codec_options,
        write_concern=database.write_concern,
        read_concern=database.read_concern,
    )
    await database.client.drop_database(f"{database.name}_2")


async def fill(datasource: Any, until: Any) -> None:
    odd = {"title": "$odd", "a.b": {"$set": 1}, "ref": {"$ref": "x", "$id": 1}, "n": 2**53 + 1, "f": 1.5}
    for number in range(5):
        await datasource.send(
            "c", {"title": f"t{number % 3}", "n": number}, odd, {"n": 1}, run="r", page=number + 1
        )
    await datasource.end("c", "r", pages=5, items=15)
    await datasource.send("d", {"title": "one"})
    await until(datasource.reduced)


async def all_of(database: Database) -> dict[str, list[Any]]:
    return {name: [each async for each in database[name].find({}, sort=[("_id", 1)])] for name in KINDS}


async def test_what_is_restored_is_what_there_was(
    datasource: Any, until: Any, elsewhere: Any, tmp_path: Path, running: Any
) -> None:
    await fill(datasource, until)
    changes, records = await datasource.changes("c"), await datasource.client.records("c")
    manifest = await backup.back_up(tmp_path / "b", {"datasource": datasource.client.transport})
    assert manifest.roles["datasource"]["records"].documents == 5
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(running(elsewhere, DatasourceSettings(reconcile=3600)))
        other.wake()
        restored = await backup.restore(tmp_path / "b", {"datasource": other.client.transport})
        assert {name: part.sha256 for name, part in restored["datasource"].items()} == {
            name: part.sha256 for name, part in manifest.roles["datasource"].items()
        }
        assert await all_of(elsewhere) == await all_of(datasource.database)
        assert (await other.changes("c"), await other.client.records("c")) == (changes, records)
        assert await other.client.collections() == await datasource.client.collections()
        await other.send("c", {"title": "new"})
        await until(other.reduced)
        assert (await other.client.records("c")).version == records.version + 1
        with pytest.raises(Conflict, match="There are records here already"):
            await backup.restore(tmp_path / "b", {"datasource": other.client.transport})


async def test_a_backup_is_of_one_moment_while_data_flows_in(
    datasource: Any, until: Any, tmp_path: Path
) -> None:
    await fill(datasource, until)

    async def pour() -> None:
        for number in range(30):
            await datasource.send("c", {"title": f"late{number}"}, run="s", page=number + 1)

    await asyncio.gather(backup.back_up(tmp_path / "b", {"datasource": datasource.client.transport}), pour())
    # Changes are written with their collection's version: of whatever moment the backup is, they agree.
    [collection] = [
        each
        for each in bson.decode_all((tmp_path / "b/datasource/collections.bson").read_bytes())
        if each["_id"] == "c"
    ]
    kept = bson.decode_all((tmp_path / "b/datasource/changes.bson").read_bytes())
    assert (
        max(each["_id"]["version"] for each in kept if each["_id"]["collection"] == "c")
        == collection["version"]
    )


async def test_a_changed_or_incomplete_backup_is_refused_before_anything_is_sent(
    datasource: Any, until: Any, tmp_path: Path
) -> None:
    await fill(datasource, until)
    to = {"datasource": datasource.client.transport}
    with pytest.raises(Refused, match="without a manifest it is no backup"):
        await backup.restore(tmp_path, to)
    await backup.back_up(tmp_path / "b", to)
    with pytest.raises(Refused, match="is not empty"):
        await backup.back_up(tmp_path / "b", to)
    file = tmp_path / "b/datasource/records.bson"
    content = file.read_bytes()
    flipped = bytes([content[-3] ^ 1])
    for torn in (content[:-3] + flipped + content[-2:], content[:-7], b""):
        file.write_bytes(torn)
        with pytest.raises(Damaged, match=r"records\.bson"):
            await backup.restore(tmp_path / "b", to)
    file.unlink()
    with pytest.raises(Damaged, match=r"records\.bson"):
        await backup.restore(tmp_path / "b", to)
    manifest = json.loads((tmp_path / "b/manifest.json").read_bytes())
    assert {*KINDS, "sources", "collections"} <= set(manifest["roles"]["datasource"])


async def test_what_a_role_would_refuse_later_is_refused_before_anything_is_put_back(
    datasource: Any, until: Any, elsewhere: Any, tmp_path: Path, running: Any
) -> None:
    await fill(datasource, until)
    await backup.back_up(tmp_path / "b", {"datasource": datasource.client.transport})
    path = tmp_path / "b/manifest.json"
    manifest = json.loads(path.read_bytes())
    parts = manifest["roles"]["datasource"]
    (tmp_path / "b/datasource/novelties.bson").write_bytes(b"")
    nothing = parts["deliveries"]
    fewer = {name: part for name, part in parts.items() if name != "sources"}
    async with running(elsewhere, DatasourceSettings(reconcile=3600)) as other:
        to = {"datasource": other.client.transport}
        for odd, told in ((parts | {"novelties": nothing}, "'novelties'"), (fewer, "nothing of sources")):
            path.write_text(json.dumps(manifest | {"roles": {"datasource": odd}}))
            with pytest.raises(Damaged, match=told):
                await backup.restore(tmp_path / "b", to)
            assert not any((await all_of(elsewhere)).values())
        # The datasource has nothing, and yet nothing is put back: what comes after it has something already.
        path.write_text(json.dumps(manifest | {"roles": {"datasource": parts, "config": parts}}))
        (tmp_path / "b/datasource").rename(tmp_path / "b/config")
        (tmp_path / "b/datasource").symlink_to(tmp_path / "b/config")
        with pytest.raises(Conflict, match="here already"):
            await backup.restore(tmp_path / "b", {**to, "config": datasource.client.transport})
        assert not any((await all_of(elsewhere)).values())


async def test_a_folder_or_a_manifest_that_cannot_be_used_is_told_by_its_name(
    datasource: Any, tmp_path: Path, free_port: Any
) -> None:
    to = {"datasource": datasource.client.transport}
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match="file: File exists"):
        await backup.back_up(tmp_path / "file", to)
    with pytest.raises(Refused, match="file/b: Not a directory"):
        await backup.back_up(tmp_path / "file/b", to)
    await backup.back_up(tmp_path / "b", to)
    for content in ("{", '{"format": 2, "scrapr": "9", "taken_at": "2026-01-01T00:00:00Z", "roles": {}}'):
        (tmp_path / "b/manifest.json").write_text(content)
        with pytest.raises(Refused, match=r"manifest\.json is no manifest"):
            await backup.restore(tmp_path / "b", to)
    # Where nobody answered, the same folder serves the next time.
    nobody = datasource.client.transport.toward(at(f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(Unavailable):
        await backup.back_up(tmp_path / "again", {"datasource": nobody})
    await backup.back_up(tmp_path / "again", to)


async def test_a_stream_that_breaks_off_is_no_restored_backup(datasource: Any) -> None:
    async with datasource.http.post(f"{datasource.url}/v1/restore", data=b'["records",100]\nxx') as answer:
        assert (answer.status, (await answer.json())["type"]) == (500, "urn:scrapr:Damaged")
    async with datasource.http.post(
        f"{datasource.url}/v1/restore", data=b'["admin",5]\n\5\0\0\0\0'
    ) as answer:
        assert "nothing of this role's" in (await answer.json())["detail"]


async def test_who_goes_away_during_a_backup_is_no_error_of_ours(datasource: Any, until: Any) -> None:
    big = [{"_id": f"k{number}", "text": "x" * 2**20} for number in range(40)]
    await datasource.database["sources"].insert_many(big)
    with capture_logs() as logs:
        async with datasource.http.post(f"{datasource.url}/v1/backup") as answer:
            assert await answer.content.readany()
            answer.close()

        async def told() -> list[Any]:
            return [each["event"] for each in logs if each["log_level"] == "error"]

        assert await until(told) == ["backup broken off"]


async def test_without_the_token_nobody_has_a_backup(datasource: Any) -> None:
    async with datasource.http.post(
        f"{datasource.url}/v1/backup", headers={"Authorization": "Bearer wrong"}
    ) as answer:
        assert answer.status == 401
