"""Transactions whose process died or sleeps: what they wrote stays locked until somebody ends them."""

from __future__ import annotations

import structlog
from pymongo.errors import OperationFailure

from scrapr.storage.mongo import APPLICATION, Database, Document, translated

log = structlog.get_logger()
FORBIDDEN = 13


async def end_abandoned(database: Database, *, silent: float) -> int:
    """End those transactions of scrapr's in which nothing was said for `silent` seconds; how many there were.

    Whoever wakes up in one of them learns from its next command that nothing of it was written.
    """
    idle: Document = {
        "type": "idleSession",
        "appName": APPLICATION,
        "transaction.timeInactiveMicros": {"$gt": round(silent * 1e6)},
    }
    admin = database.client.admin
    # Only those of the same user, which need no privilege.
    pipeline = [{"$currentOp": {"idleSessions": True}}, {"$match": idle}, {"$project": {"lsid.id": 1}}]
    try:
        with translated():
            found = await (await admin.aggregate(pipeline)).to_list()
            if sessions := [{"id": each["lsid"]["id"]} for each in found]:
                await admin.command("killSessions", sessions)
    except OperationFailure as error:
        if error.code != FORBIDDEN:
            raise
        log.warning("abandoned transactions are left to MongoDB", reason=str(error))
        return 0
    if found:
        log.warning("abandoned transactions ended", count=len(found))
    return len(found)
