"""The tables of the history: written in short transactions, the oldest rows leave when it is full.

A suggestion's id is its time (see `records.new_id`), so rows lie in the order in which they leave.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from lsp_server.history.calendar import DAY_S
from lsp_server.history.records import (
    Confirmed,
    Judged,
    Kept,
    Moment,
    Record,
    Shown,
    Silence,
    known_language,
    time_of,
)

VERSION: Final = 1
PAGE_BYTES: Final = 4096
_FULL_SHARE: Final = 0.9  # of the pages; above it the oldest rows leave
_LEAVING_SHARE: Final = 0.1
_HASH_BYTES: Final = 8
_TABLES: Final = """
CREATE TABLE suggestion(
  id INTEGER PRIMARY KEY, document BLOB NOT NULL, place BLOB NOT NULL, language TEXT NOT NULL,
  kind TEXT NOT NULL, line_start INTEGER NOT NULL, list_entry INTEGER NOT NULL,
  explicit INTEGER NOT NULL, explored INTEGER NOT NULL, characters INTEGER NOT NULL,
  lines INTEGER NOT NULL, confidence REAL NOT NULL, foretold REAL NOT NULL,
  latency_ms REAL NOT NULL, verdict TEXT, visible_ms REAL, taken INTEGER NOT NULL DEFAULT 0,
  grabs INTEGER NOT NULL DEFAULT 0, confirmed INTEGER NOT NULL DEFAULT 0, kept_of INTEGER,
  kept_30s INTEGER, kept_2m INTEGER, kept_10m INTEGER, kept_close INTEGER
) STRICT;
CREATE TABLE silence(
  day INTEGER NOT NULL, language TEXT NOT NULL, reason TEXT NOT NULL, count INTEGER NOT NULL,
  PRIMARY KEY(day, language, reason)
) STRICT, WITHOUT ROWID;
"""
_SHOW: Final = """
INSERT OR IGNORE INTO suggestion(id, document, place, language, kind, line_start, list_entry,
  explicit, explored, characters, lines, confidence, foretold, latency_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_JUDGE: Final = (
    "UPDATE suggestion SET verdict = ?, visible_ms = ?, taken = ?, grabs = ? WHERE id = ?"
)
_CONFIRM: Final = "UPDATE suggestion SET confirmed = 1 WHERE id = ?"
_KEEP: Final = {
    moment: f"UPDATE suggestion SET {moment.value} = ?, kept_of = ? WHERE id = ?"  # noqa: S608 - our own names
    for moment in Moment
}
_SILENCE: Final = """
INSERT INTO silence(day, language, reason, count) VALUES (?, ?, ?, 1)
ON CONFLICT(day, language, reason) DO UPDATE SET count = count + 1
"""


class NewerHistoryError(Exception):
    """A later version of Mixline has written the file."""


def prepare(connection: sqlite3.Connection, *, max_pages: int, wal_pages: int) -> None:
    """Set a new connection up, and make the tables in an empty file.

    Raises:
        NewerHistoryError: the tables are of a later version.
        sqlite3.Error: the file is no history, or SQLite cannot use it.
    """
    for setting in (
        f"page_size = {PAGE_BYTES}",
        "journal_mode = WAL",
        "synchronous = NORMAL",
        f"max_page_count = {max_pages}",
        f"wal_autocheckpoint = {wal_pages}",
        "trusted_schema = OFF",
    ):
        connection.execute(f"PRAGMA {setting}").fetchall()
    if _version(connection) == 0:
        with transaction(connection):
            if _version(connection) == 0:  # no other server was faster
                for statement in _TABLES.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {VERSION}")
    if (found := _version(connection)) != VERSION:
        raise NewerHistoryError(f"expected version {VERSION} or none, found {found}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Do all or nothing, as the only one who writes."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def write(connection: sqlite3.Connection, records: Iterable[Record], salt: bytes) -> None:
    """Write a batch; URIs and text before the cursor become salted hashes here."""
    batch = list(records)
    try:
        _write(connection, batch, salt)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
            raise
        trim(connection, max_pages=0)
        _write(connection, batch, salt)
    trim(connection, max_pages=_pragma(connection, "max_page_count"))


def trim(connection: sqlite3.Connection, *, max_pages: int) -> None:
    """Let the oldest rows go, if the file has become too long."""
    used = _pragma(connection, "page_count") - _pragma(connection, "freelist_count")
    if used <= max_pages * _FULL_SHARE:
        return
    with transaction(connection):
        (rows,) = connection.execute("SELECT count(*) FROM suggestion").fetchone()
        last = connection.execute(
            "SELECT id FROM suggestion ORDER BY id LIMIT 1 OFFSET ?", (int(rows * _LEAVING_SHARE),)
        ).fetchone()
        if last is None:
            connection.execute("DELETE FROM silence")
            return
        connection.execute("DELETE FROM suggestion WHERE id <= ?", last)
        oldest = int(time_of(last[0]) // DAY_S)
        connection.execute("DELETE FROM silence WHERE day < ?", (oldest,))


def hashed(text: str, salt: bytes) -> bytes:
    """Return what stands for a text in the file."""
    data = text.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=_HASH_BYTES, key=salt).digest()


def _write(connection: sqlite3.Connection, batch: list[Record], salt: bytes) -> None:
    with transaction(connection):
        for record in batch:
            statement, values = _statement(record, lambda text: hashed(text, salt))
            connection.execute(statement, values)


def _statement(record: Record, mark: Callable[[str], bytes]) -> tuple[str, tuple[object, ...]]:
    match record:
        case Shown():
            return _SHOW, (
                record.id,
                mark(record.document),
                mark(record.place),
                known_language(record.language),
                record.kind,
                record.line_start,
                record.list_entry,
                record.explicit,
                record.explored,
                record.characters,
                record.lines,
                record.confidence,
                record.foretold,
                record.latency_ms,
            )
        case Judged():
            verdict = record.verdict.value
            return _JUDGE, (verdict, record.visible_ms, record.taken, record.grabs, record.id)
        case Kept():
            return _KEEP[record.moment], (record.characters, record.out_of, record.id)
        case Confirmed():
            return _CONFIRM, (record.id,)
        case Silence():
            return _SILENCE, (record.day, known_language(record.language), record.reason)


def _version(connection: sqlite3.Connection) -> int:
    return _pragma(connection, "user_version")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)
