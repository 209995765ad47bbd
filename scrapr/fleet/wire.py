"""What the zygote and its clients say to each other: one JSON object per line."""

from dataclasses import dataclass
from typing import Annotated, Literal

import orjson
from pydantic import Field, TypeAdapter, ValidationError

from scrapr.fleet.replica import Replica, ReplicaSpec
from scrapr.model import errors

LINE_LIMIT = 1 << 20
"""Bytes of one request."""
ANSWER_LIMIT = 1 << 24
"""Bytes of one answer; a thousand replicas take about 300 kB."""


@dataclass(frozen=True)
class Start:
    """Start this replica, unless its name is running."""

    spec: ReplicaSpec
    op: Literal["start"] = "start"


@dataclass(frozen=True)
class Stop:
    """End this replica, and answer when it is gone."""

    name: str
    grace: Annotated[float, Field(ge=0, le=3600)]
    """Seconds between SIGTERM and SIGKILL."""
    op: Literal["stop"] = "stop"


@dataclass(frozen=True)
class Census:
    """Tell all replicas."""

    op: Literal["list"] = "list"


@dataclass(frozen=True)
class Watch:
    """Tell all replicas, then each that starts or exits, until the connection ends."""

    op: Literal["watch"] = "watch"


Request = Start | Stop | Census | Watch


@dataclass(frozen=True)
class Answer:
    """The replicas asked for, or what went wrong."""

    replicas: tuple[Replica, ...] = ()
    refused: str | None = None
    unavailable: str | None = None


_REQUEST: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="op")])
_ANSWER: TypeAdapter[Answer] = TypeAdapter(Answer)


def encode(message: Request | Answer) -> bytes:
    """One line."""
    return orjson.dumps(message) + b"\n"


def decode_request(line: bytes) -> Request:
    """Read a request; raises `errors.Malformed`."""
    try:
        return _REQUEST.validate_python(orjson.loads(line))
    except (orjson.JSONDecodeError, ValidationError) as e:
        raise errors.Malformed(f"not a request to the zygote: {e}") from e


def decode_answer(line: bytes) -> Answer:
    """Read an answer; raises what it says went wrong, or `errors.Damaged`."""
    try:
        answer = _ANSWER.validate_python(orjson.loads(line))
    except (orjson.JSONDecodeError, ValidationError) as e:
        raise errors.Damaged(f"not an answer of the zygote: {e}") from e
    if answer.refused is not None:
        raise errors.Refused(answer.refused)
    if answer.unavailable is not None:
        raise errors.Unavailable(answer.unavailable)
    return answer
