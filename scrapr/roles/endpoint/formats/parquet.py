"""Parquet, by pyarrow: a column for each field, as typed as what was seen of it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import orjson
import pyarrow as pa
from pyarrow import parquet

from scrapr.model.errors import Unavailable
from scrapr.roles.endpoint.formats.csv_text import columns
from scrapr.roles.endpoint.formats.writing import Subject, Told

TYPES = {"string": pa.string(), "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}
MIXED = pa.string()


class Parquet:
    """Text, whole numbers, numbers and booleans as such, lists of one of these as lists; all else as its JSON."""

    def __init__(self, subject: Subject) -> None:
        properties = subject.schema.get("properties", {})
        names = subject.fields or columns(subject.schema)
        self._schema = pa.schema([(name, column_type(properties.get(name, {}))) for name in names])
        self._sink = _Sink()
        self._writer = parquet.ParquetWriter(self._sink, self._schema, compression="zstd")

    def begin(self) -> bytes:
        """The first bytes of a file."""
        return self._sink.take()

    def write(self, items: Sequence[Told]) -> bytes:
        """A row group. Raises `Unavailable` where a value has meanwhile become of another type."""
        parsed = [orjson.loads(each.body) for each in items]
        try:
            arrays = [
                pa.array([_value(item.get(field.name), field.type) for item in parsed], field.type)
                for field in self._schema
            ]
        except (pa.ArrowException, OverflowError) as error:
            raise Unavailable("The types of the collection's fields change while it is read") from error
        self._writer.write_batch(pa.record_batch(arrays, schema=self._schema))
        return self._sink.take()

    def end(self) -> bytes:
        """The index at the end of the file."""
        self._writer.close()
        return self._sink.take()


def column_type(schema: dict[str, Any]) -> pa.DataType:
    """The type of a column whose values fit a JSON Schema."""
    seen = _only_type(schema)
    if seen == "array":
        within = TYPES.get(_only_type(schema.get("items", {})))
        return MIXED if within is None else pa.list_(within)
    return TYPES.get(seen, MIXED)


def _only_type(schema: dict[str, Any]) -> str:
    """The type of all values beside null; empty where there is none, or several."""
    types = schema.get("type", [])
    seen = ({types} if isinstance(types, str) else set(types)) - {"null"}
    return seen.pop() if len(seen) == 1 else ""


def _value(value: Any, kind: pa.DataType) -> Any:
    if isinstance(value, list) and pa.types.is_list(kind):
        return [_value(each, kind.value_type) for each in value]
    if isinstance(value, int) and pa.types.is_floating(kind):
        return float(value)  # which pyarrow does only where nothing is lost
    if value is None or not pa.types.is_string(kind) or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


class _Sink(io.RawIOBase):
    """A file whose bytes are taken as they come."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._written

    def write(self, piece: Any) -> int:
        data = bytes(piece)
        self._pieces.append(data)
        self._written += len(data)
        return len(data)

    def take(self) -> bytes:
        """What was written since."""
        data, self._pieces = b"".join(self._pieces), []
        return data
