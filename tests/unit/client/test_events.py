"""Streams of events are read as a browser reads them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scrapr.client.events import Event, Reader
from scrapr.roles.endpoint.recent import event


def read(text: bytes) -> list[Event]:
    reader = Reader()
    return list(filter(None, map(reader.take, text.split(b"\n")[:-1])))


def test_an_event_ends_with_an_empty_line() -> None:
    assert read(b"id: 3\nevent: change\ndata: {}\n\n") == [Event("change", b"{}", "3")]
    assert read(b"event: change\ndata: {}\n") == []


def test_the_id_stays_until_another_is_told() -> None:
    first, second = read(b"id: 3\n\ndata: x\n\n")
    assert first == Event("message", b"", "3")
    assert second == Event("message", b"x", "3")


def test_comments_and_unknown_fields_are_no_events() -> None:
    assert read(b":\n\n: still here\n\n") == []
    assert read(b"retry: 20\n\n") == [Event("message", b"", "", 20)]
    assert read(b"data\ndata:  b\nretry: soon\n\n") == [Event("message", b"\n b", "")]


@given(version=st.integers(0, 2**63), body=st.binary().filter(lambda body: not {10, 13} & set(body)))
def test_what_an_endpoint_writes_is_read(version: int, body: bytes) -> None:
    assert read(event("change", body, version=version)) == [Event("change", body, str(version))]
