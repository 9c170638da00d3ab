"""The index follows the client, in the background."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lsp_server import workspace_reader
from lsp_server.document import Document
from lsp_server.workspace_reader import WorkspaceReader

TIMEOUT_S = 30.0


class Reading:
    """A reader over a folder, and documents in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.is_busy = False
        self.reader = WorkspaceReader(lambda: self.is_busy)

    def begin(self) -> None:
        self.reader.set_rules([self.folder], ())
        self.reader.start()

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def document(self, name: str, text: str, version: int = 1) -> Document:
        uri = (self.folder / name).as_uri()
        return Document.of_text(uri=uri, version=version, language="python", text=text)

    def finds(self, text: str, document: Document) -> bool:
        return bool(self.reader.view(document).longest(text, text, 1))

    def wait(self, fact: Callable[[], bool]) -> None:
        end = time.monotonic() + TIMEOUT_S
        while not fact():
            assert time.monotonic() < end
            time.sleep(0.01)


@pytest.fixture
def reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reading]:
    """A reader that does not wait long."""
    for name in ("_FIRST_SCAN_S", "_QUIET_S", "_LOOK_AGAIN_S", "_AFTER_KEY_S"):
        monkeypatch.setattr(workspace_reader, name, 0.05)
    made = Reading(tmp_path)
    yield made
    made.reader.stop()


def test_files_are_read_in_the_background(reading: Reading) -> None:
    """Also those that the client says have changed, and those that come to light by walking."""
    reading.write("a.py", "value = 1\n")
    reading.begin()
    other = reading.document("other.py", "")
    reading.wait(lambda: reading.finds("value =", other))
    reading.write("a.py", "told = 1\n")
    reading.reader.files_changed([reading.folder / "a.py"])
    reading.wait(lambda: reading.finds("told =", other))
    reading.write("b.py", "untold = 1\n")
    reading.reader.file_saved(other.uri)
    reading.wait(lambda: reading.finds("untold =", other))

    assert not reading.finds("value =", other)
    assert reading.reader.num_files == 2
    assert reading.reader.num_bytes > 0


def test_the_open_text_wins(reading: Reading) -> None:
    """From the moment it is opened, not yet indexed or indexed, until it is closed."""
    reading.write("a.py", "disk = 1\n")
    reading.begin()
    other = reading.document("other.py", "")
    reading.wait(lambda: reading.finds("disk =", other))
    opened = reading.document("a.py", "editor = 1\n")
    reading.reader.open(opened)
    assert not reading.finds("disk =", other)
    reading.wait(lambda: reading.reader.has(opened))
    assert reading.finds("editor =", other)
    edited = reading.document("a.py", "typing = 1\n", 2)
    reading.reader.edit(edited)
    assert not reading.reader.has(edited)
    assert not reading.finds("editor =", other)
    reading.wait(lambda: reading.finds("typing =", other))
    reading.reader.close(opened.uri)

    reading.wait(lambda: reading.finds("disk =", other))
    assert not reading.finds("typing =", other)


def test_the_document_that_is_worked_in_waits(reading: Reading) -> None:
    """It does not see itself, and comes to the index when another one is looked at."""
    reading.begin()
    one, other = (reading.document(name, f"{name} = 1\n") for name in ("one", "other"))
    for document in (one, other):
        reading.reader.open(document)
    reading.reader.look(one.uri)
    reading.wait(lambda: reading.reader.has(other))
    assert not reading.reader.has(one)
    assert not reading.finds("one =", one)
    assert reading.finds("other =", one)
    reading.reader.look(other.uri)
    assert not reading.reader.has(other)

    reading.wait(lambda: reading.reader.has(one))
    assert reading.finds("one =", other)


def test_what_is_not_admitted_stays_out(reading: Reading) -> None:
    """Open or not: ignored files, secrets, documents that are no files."""
    for name, text in (
        (".gitignore", "out.py"),
        ("out.py", "ignored = 1\n"),
        (".env", "key = 1\n"),
    ):
        reading.write(name, text)
    reading.begin()
    other = reading.document("other.py", "")
    untitled = Document.of_text(uri="untitled:1", version=1, language="", text="untitled = 1\n")
    opened = [reading.document("out.py", "ignored = 1\n"), untitled]
    for document in opened:
        reading.reader.open(document)
    reading.write("seen.py", "seen = 1\n")
    reading.wait(lambda: reading.finds("seen =", other))
    time.sleep(0.3)

    assert not any(reading.finds(f"{word} =", other) for word in ("ignored", "key", "untitled"))
    assert not reading.reader.has(untitled)


def test_new_rules_are_followed(reading: Reading) -> None:
    """Secrets that the user adds go; so does all when the folder goes."""
    reading.write("a.py", "value = 1\n")
    reading.write("b.py", "other = 1\n")
    reading.begin()
    document = reading.document("c.py", "")
    reading.wait(lambda: reading.reader.num_files == 2)
    reading.reader.set_rules([reading.folder], ["a.py"])
    reading.wait(lambda: reading.reader.num_files == 1)
    assert reading.finds("other =", document)
    reading.reader.set_rules([], ())

    reading.wait(lambda: reading.reader.num_files == 0)


def test_work_steps_back(reading: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    """While suggestions are made nothing is read; afterwards it goes on."""
    monkeypatch.setattr(workspace_reader, "_LONGEST_STEP_BACK_S", 60.0)
    reading.is_busy = True
    reading.write("a.py", "value = 1\n")
    reading.begin()
    time.sleep(0.3)
    assert reading.reader.num_files == 0
    reading.is_busy = False

    reading.wait(lambda: reading.reader.num_files == 1)


def test_a_failure_ends_nothing(reading: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is logged without any text, and the next change is followed."""
    reading.begin()
    with monkeypatch.context() as patch:
        patch.setattr(workspace_reader, "shared", None)
        document = reading.document("a.py", "value = 1\n")
        reading.reader.open(document)
        time.sleep(0.3)
    assert not reading.reader.has(document)
    edited = reading.document("a.py", "value = 2\n", 2)
    reading.reader.edit(edited)

    reading.wait(lambda: reading.reader.has(edited))
