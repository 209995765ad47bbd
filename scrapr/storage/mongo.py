"""A connection to MongoDB whose failures are `Unavailable`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC
from typing import Any, TypeAlias, TypeVar

import bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import AsyncMongoClient, ReadPreference, WriteConcern
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    OperationFailure,
    PyMongoError,
    WTimeoutError,
)
from pymongo.read_concern import ReadConcern

from scrapr.model.errors import Refused, Unavailable
from scrapr.storage.settings import MongoSettings

T = TypeVar("T")
Document: TypeAlias = dict[str, Any]
Database: TypeAlias = AsyncDatabase[Document]
Collection: TypeAlias = AsyncCollection[Document]

APPLICATION = "scrapr"
"""What MongoDB calls our connections by."""
AWAY = "MongoDB does not answer as it should; try again in a moment"
"""What a client is told of all that a later try may not meet."""
TRANSIENT = frozenset(
    (6, 7, 24, 50, 89, 91, 112, 189, 202, 262, 317, 358, 9001, 10107, 11600, 11602, 13435, 13436, 14031)
)
"""Server errors that a later try may not meet: network, elections, time limits, write conflicts, a full disk."""


PIECE = 100
"""Documents that are encoded without a pause: less than a millisecond for ordinary ones."""


@asynccontextmanager
async def connect(settings: MongoSettings, database: str) -> AsyncIterator[Database]:
    """The `database`; every write waits for the journal of a majority, every read sees only such writes."""
    client = _open(settings)
    options: CodecOptions[Document] = CodecOptions(tz_aware=True, tzinfo=UTC)
    try:
        yield client.get_database(
            database,
            codec_options=options,
            read_preference=ReadPreference.PRIMARY,
            write_concern=WriteConcern("majority", j=True),
            read_concern=ReadConcern("majority"),
        )
    finally:
        await client.close()


def _open(settings: MongoSettings) -> AsyncMongoClient[Document]:
    timeout = int(settings.timeout * 1000)
    url = require_url(settings)
    with url_refused():
        return AsyncMongoClient(url, serverSelectionTimeoutMS=timeout, timeoutMS=timeout, appname=APPLICATION)


def require_url(settings: MongoSettings) -> str:
    """Where MongoDB is; raises `Refused` where nothing says it."""
    if url := settings.url.get_secret_value():
        return url
    raise Refused(
        "SCRAPR_MONGO_URL is not set; allowed: a mongodb:// URL, or `scrapr up`, which starts its own"
    )


@contextmanager
def url_refused() -> Iterator[None]:
    """Turn what PyMongo finds wrong in a URL or its options into `Refused`."""
    try:
        yield
    except (ConfigurationError, ValueError) as error:
        raise Refused(f"SCRAPR_MONGO_URL: {error}") from error


@contextmanager
def translated() -> Iterator[None]:
    """Turn PyMongo's errors that a later try may not meet into `Unavailable`; the others are ours and pass."""
    try:
        yield
    except PyMongoError as error:
        if isinstance(error, ConnectionFailure | WTimeoutError) or error.timeout or _transient(error):
            raise Unavailable(f"MongoDB: {error}", public=AWAY) from error
        raise


def _transient(error: PyMongoError) -> bool:
    if error.has_error_label("TransientTransactionError") or error.has_error_label("RetryableWriteError"):
        return True
    if isinstance(error, BulkWriteError):
        details: Mapping[str, Any] = error.details or {}
        return any(each.get("code") in TRANSIENT for each in details.get("writeErrors", ()))
    return isinstance(error, OperationFailure) and error.code in TRANSIENT


async def encode(documents: Iterable[Document]) -> list[RawBSONDocument]:
    """The documents as BSON, which PyMongo takes as they are; made piece by piece, so that others have their turn."""
    encoded = []
    for number, document in enumerate(documents, 1):
        encoded.append(RawBSONDocument(bson.encode(document)))
        if number % PIECE == 0:
            await asyncio.sleep(0)
    return encoded


async def ping(database: Database) -> None:
    """Return if MongoDB answers, else raise `Unavailable`."""
    with translated():
        await database.command("ping")


async def transact(database: Database, act: Callable[[AsyncClientSession], Awaitable[T]]) -> T:
    """Do `act` in one transaction; where another process is at the same, again upon what that did."""
    with translated():
        async with database.client.start_session() as session:
            return await session.with_transaction(act, write_concern=database.write_concern)
