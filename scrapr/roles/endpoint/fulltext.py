"""The statements of a copy's text index: made piece by piece from the newest record down, kept up by triggers.

It is an FTS5 table without content of its own, whose rows are the copy's by `created`. `searches.low` tells from which
record on a copy is indexed; the triggers leave what is below to the making.
"""

from __future__ import annotations

SEARCHES = "CREATE TABLE searches (id INTEGER PRIMARY KEY, low INTEGER NOT NULL)"
DONE = -1
"""`low` of an index that is whole: no record was created before the first version."""
PIECE = 5000
"""Records that go into the index at once: changes wait no longer than this takes."""
OPTIONS = "text, content = '', prefix = '2 3', tokenize = 'unicode61 remove_diacritics 2'"
LOW = "SELECT low FROM searches WHERE id = ?"
SINK = "UPDATE searches SET low = ? WHERE id = ?"
FORGET = "DELETE FROM searches WHERE id = ?"
NEXT = "SELECT created FROM {table} WHERE created < ? ORDER BY created DESC LIMIT 1 OFFSET ?"


def name(table: str) -> str:
    """The index's table."""
    return f"{table}_text"


def drop(table: str) -> str:
    """Forgets the index; the triggers go with the copy."""
    return f"DROP TABLE IF EXISTS {name(table)}"


def begin(table: str, number: int) -> tuple[str, ...]:
    """Makes an empty index, and the triggers that keep up what is in it."""
    text = name(table)
    within = f"(SELECT low FROM searches WHERE id = {number:d})"  # noqa: S608 - a number
    put = f"INSERT INTO {text} (rowid, text) VALUES (new.created, {_words('new.')})"  # noqa: S608 - the copy's own name
    take = f"INSERT INTO {text} ({text}, rowid, text) VALUES ('delete', old.created, {_words('old.')})"  # noqa: S608 - the copy's own name
    triggers = (
        ("put", "INSERT", "new", put),
        ("take", "DELETE", "old", take),
        # Before the one that puts: SQLite calls triggers in no promised order, so each has its own moment.
        ("leave", "UPDATE", "old", take),
        ("enter", "UPDATE", "new", put),
    )
    return (
        f"CREATE VIRTUAL TABLE {text} USING fts5 ({OPTIONS})",
        f"INSERT INTO searches (id, low) SELECT {number:d}, coalesce(max(created), {DONE}) + 1 FROM {table}",  # noqa: S608 - the copy's own name
        *(
            f"CREATE TRIGGER {text}_{each} {'BEFORE' if row == 'old' else 'AFTER'} {event} ON {table} "
            f"WHEN {row}.created >= {within} BEGIN {statement}; END"
            for each, event, row, statement in triggers
        ),
    )


def fill(table: str) -> str:
    """Puts the records from one `created` on, below another, into the index."""
    return (
        f"INSERT INTO {name(table)} (rowid, text) SELECT created, {_words('')} FROM {table} "  # noqa: S608 - the copy's own name
        "WHERE created >= ? AND created < ?"
    )


def _words(row: str) -> str:
    """All that can be read in a record, at any depth; a `timestamp` that is ours is no part of it."""
    return (
        f"(SELECT group_concat(atom, ' ') FROM json_tree({row}body) WHERE type IN ('text', 'integer', 'real') "  # noqa: S608 - new, old or none
        f"AND NOT ({row}stamped AND fullkey = '$.timestamp'))"
    )
