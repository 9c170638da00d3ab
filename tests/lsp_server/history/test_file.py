"""The history's file: who may read it, what happens to a damaged one, and how it goes."""

import multiprocessing
import os
import sqlite3
import stat
from pathlib import Path

import pytest

from lsp_server.history.file import MAX_PAGES, NAME, HistoryError, HistoryFile
from lsp_server.history.records import new_id
from lsp_server.history.schema import PAGE_BYTES, prepare, trim, write
from tests.lsp_server.history.samples import CANARY, shown

SALT = b"s" * 32
WITHIN_S = 60.0


def count(file: HistoryFile) -> int:
    with file.open() as connection:
        (number,) = connection.execute("SELECT count(*) FROM suggestion").fetchone()
    return int(number)


def add(file: HistoryFile, number: int = 1) -> None:
    with file.open() as connection:
        write(connection, [shown() for _ in range(number)], file.salt())


def test_only_its_user_may_read_it(file: HistoryFile) -> None:
    """Folder 0700, files 0600, whatever the umask and the folder were."""
    file.folder.mkdir(parents=True)
    file.folder.chmod(0o777)
    before = os.umask(0)
    try:
        with file.open() as connection:
            write(connection, [shown()], file.salt())
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in file.folder.iterdir()}
    finally:
        os.umask(before)

    assert stat.S_IMODE(file.folder.stat().st_mode) == 0o700
    assert modes == dict.fromkeys([NAME, f"{NAME}-shm", f"{NAME}-wal", "history.salt"], 0o600)


def test_no_text_and_no_path_stands_in_it(file: HistoryFile) -> None:
    """Not in the file, not in the log beside it; nor does a language id that is none."""
    with file.open() as connection:
        write(connection, [shown(), shown(language=f"{CANARY} {CANARY}")], file.salt())
        data = b"".join(path.read_bytes() for path in file.folder.iterdir())

    assert b"python" in data
    assert CANARY.encode() not in data


def test_the_salt_is_made_once_for_all_and_of_random_bytes(tmp_path: Path) -> None:
    """Another installation has another, so hashes cannot be compared."""
    one, other = HistoryFile(tmp_path / "one"), HistoryFile(tmp_path / "other")
    salt = one.salt()

    assert len(salt) == 32
    assert one.salt() == salt != other.salt()
    assert [path.name for path in one.folder.iterdir()] == ["history.salt"]


def test_a_salt_cut_short_is_replaced(file: HistoryFile) -> None:
    """A full disk may have left half of it."""
    file.salt()
    (file.folder / "history.salt").write_bytes(b"half")

    assert len(file.salt()) == 32


@pytest.mark.parametrize("kind", ["no database", "torn", "foreign"])
def test_a_damaged_file_is_set_aside(file: HistoryFile, kind: str) -> None:
    """It keeps its bytes under another name, the next batch begins a new file."""
    add(file, 400)
    if kind == "no database":
        file.path.write_bytes(b"not SQLite" * 1000)
    elif kind == "torn":
        size = file.path.stat().st_size
        with file.path.open("r+b") as data:
            data.seek(PAGE_BYTES)
            data.write(b"\xff" * (size - PAGE_BYTES))
    else:
        file.path.unlink()
        foreign = sqlite3.connect(file.path)
        foreign.execute("PRAGMA user_version = 1")
        foreign.execute("CREATE TABLE other(x)")
        foreign.close()
    damaged = file.path.read_bytes()
    with pytest.raises(HistoryError, match="damaged"):
        add(file)
    add(file)

    aside = (file.folder / f"{NAME}.damaged").read_bytes()

    assert count(file) == 1
    assert aside == damaged or (kind == "foreign" and b"CREATE TABLE other" in aside)


def test_a_later_version_is_left_alone(file: HistoryFile) -> None:
    """An older Mixline neither reads nor spoils it."""
    add(file)
    with file.open() as connection:
        connection.execute("PRAGMA user_version = 9")
    before = file.path.read_bytes()
    with pytest.raises(HistoryError, match="later Mixline"):
        add(file)

    assert file.path.read_bytes() == before


def test_a_link_is_not_followed(file: HistoryFile, tmp_path: Path) -> None:
    """The rights of somebody else's file are not ours to change."""
    file.folder.mkdir(parents=True)
    other = tmp_path / "other"
    other.write_bytes(b"")
    file.path.symlink_to(other)

    with pytest.raises(HistoryError):
        add(file)
    assert other.read_bytes() == b""


def test_the_oldest_rows_go(file: HistoryFile) -> None:
    """However long it is written to, all files together stay under 20 MB (here a tenth of all)."""
    with file.open() as connection:
        connection.execute(f"PRAGMA max_page_count = {MAX_PAGES // 10}").fetchall()
        peak = 0
        for batch in range(70):
            rows = [shown(id=new_id(1e6 + batch)) for _ in range(250)]
            write(connection, rows, SALT)
            peak = max(peak, sum(path.stat().st_size for path in file.folder.iterdir()))
        (oldest, newest) = connection.execute("SELECT min(id), max(id) FROM suggestion").fetchone()
        (pages,) = connection.execute("PRAGMA page_count").fetchone()

    assert pages <= MAX_PAGES // 10
    assert peak < 20_000_000 // 10
    assert oldest > new_id(1e6 + 2)
    assert newest > new_id(1e6 + 68)


def test_a_full_file_makes_room(file: HistoryFile) -> None:
    """SQLite's own limit is reached: old rows go and the batch is written."""
    with file.open() as connection:
        write(connection, [shown(id=new_id(1e6)) for _ in range(1000)], SALT)
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()
        late = [shown(id=new_id(2e6 + number)) for number in range(50)]
        write(connection, late, SALT)
        (kept,) = connection.execute(
            "SELECT count(*) FROM suggestion WHERE id >= ?", (min(r.id for r in late),)
        ).fetchone()

    assert kept == 50


def test_trimming_an_empty_file_is_no_work(file: HistoryFile) -> None:
    """There may be nothing but counts."""
    with file.open() as connection:
        trim(connection, max_pages=0)

    assert count(file) == 0


def test_deleting_removes_every_file(file: HistoryFile) -> None:
    """Also what was set aside; then there is nothing."""
    add(file)
    file.path.write_bytes(b"damaged")
    with pytest.raises(HistoryError):
        add(file)
    add(file)
    removed = file.delete()

    assert removed >= 3
    assert list(file.folder.iterdir()) == []
    assert file.delete() == 0


def test_nobody_deletes_under_an_open_connection(
    file: HistoryFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server would go on writing to a file without a name."""
    monkeypatch.setattr("lsp_server.history.file._WAIT_S", 0.05)
    with file.open(), pytest.raises(HistoryError, match="another process"):
        file.delete()

    assert file.delete() > 0


def _write_many(folder: Path, batches: int) -> None:
    file = HistoryFile(folder)
    for _ in range(batches):
        add(file, 5)


def test_two_servers_write_at_once(file: HistoryFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost and nobody fails, however long a busy machine lets one of them wait."""
    monkeypatch.setattr("lsp_server.history.file._WAIT_S", WITHIN_S)
    monkeypatch.setattr("lsp_server.state_folder._WAIT_S", WITHIN_S)
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write_many, args=(file.folder, 40)) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(2 * WITHIN_S)

    assert [writer.exitcode for writer in writers] == [0, 0]
    assert count(file) == 2 * 40 * 5


def test_who_begins_a_file_waits_for_who_began_it(
    file: HistoryFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found on a slow machine: SQLite refuses at once where both would wait for each other."""
    tries: list[int] = []
    really = prepare

    def refused_twice(connection: sqlite3.Connection, **limits: int) -> None:
        tries.append(1)
        if len(tries) > 2:
            return really(connection, **limits)
        error = sqlite3.OperationalError("database is locked")
        error.sqlite_errorcode = sqlite3.SQLITE_BUSY
        raise error

    monkeypatch.setattr("lsp_server.history.file.prepare", refused_twice)
    add(file)

    assert len(tries) == 3
    tries.clear()
    monkeypatch.setattr("lsp_server.history.file._WAIT_S", -1.0)
    with pytest.raises(HistoryError, match="database is locked"):
        add(file)
