"""Reading ahead: once for each state, after a rest, ended by whatever comes."""

import asyncio
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from inference import Completion, CompletionRequest, MixlineError
from lsp_server import read_ahead
from lsp_server.document import Document, Point
from lsp_server.read_ahead import ReadAhead

REST_S = 0.02


@dataclass
class Handle:
    """What was submitted."""

    future: Future[Completion] = field(default_factory=Future)
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class Desk:
    """A reader with an engine that does nothing, and everything it was asked to read."""

    busy: bool = False
    idle: bool = True
    refuses: bool = False
    documents: dict[str, Document] = field(default_factory=dict)
    asked: list[tuple[str, Point]] = field(default_factory=list)
    handles: list[Handle] = field(default_factory=list)

    def __post_init__(self) -> None:
        engine: Any = SimpleNamespace(submit=self.submit, status=lambda: self)
        self.reader = ReadAhead(lambda: engine, self.documents.get, lambda: self.idle, self.request)

    def submit(self, _: CompletionRequest) -> Handle:
        if self.refuses:
            raise MixlineError("closed")
        self.handles.append(Handle())
        return self.handles[-1]

    def request(self, uri: str, cursor: Point) -> CompletionRequest:
        self.asked.append((uri, cursor))
        return CompletionRequest(document=uri, path="", prefix="", suffix="", prefill_only=True)

    def open(self, uri: str, text: str, version: int = 1) -> None:
        self.documents[uri] = Document.of_text(uri=uri, version=version, language="", text=text)


@pytest.fixture
async def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(read_ahead, "REST_S", REST_S)
    desk = Desk()
    desk.open("a", "one\ntwo\n")
    desk.open("b", "other")
    return desk


async def rest(seconds: float = 4 * REST_S) -> None:
    await asyncio.sleep(seconds)


async def test_an_opened_document_is_read_at_its_end(desk: Desk) -> None:
    """Nothing is known of its cursor."""
    desk.reader.touched("a")
    await rest()

    assert desk.asked == [("a", Point(2, 0))]
    assert len(desk.handles) == 1


async def test_a_state_is_read_once(desk: Desk) -> None:
    """The same version and place again cost nothing, another version does."""
    for _ in range(3):
        desk.reader.touched("a", Point(1, 3))
        await rest()
    assert len(desk.handles) == 1
    desk.open("a", "one\ntwo!\n", version=2)
    desk.reader.touched("a")
    await rest()

    assert desk.asked == [("a", Point(1, 3))] * 2


async def test_it_tells_whether_more_is_to_come(desk: Desk) -> None:
    """From the touch to the end of what it reads."""
    told = [desk.reader.is_under_way]
    desk.reader.touched("a")
    told.append(desk.reader.is_under_way)
    while not desk.handles:
        told.append(desk.reader.is_under_way)
        await rest()
    told.append(desk.reader.is_under_way)
    desk.handles[0].future.cancel()
    told.append(desk.reader.is_under_way)

    assert (told[0], told[-1]) == (False, False)
    assert all(told[1:-1])


async def test_nothing_is_read_while_somebody_types(desk: Desk) -> None:
    """Each key puts it off, and takes back what was under way."""
    for column in range(4):
        desk.reader.touched("a", Point(1, column))
        await asyncio.sleep(0)
    assert desk.handles == []
    await rest()
    assert desk.asked == [("a", Point(1, 3))]
    desk.reader.touched("a", Point(1, 5))

    assert desk.handles[0].cancelled


async def test_only_the_last_document_is_read(desk: Desk) -> None:
    """An editor that opens many files at its start reads one."""
    desk.reader.touched("a")
    desk.reader.touched("b")
    await rest()

    assert desk.asked == [("b", Point(0, 5))]


@pytest.mark.parametrize("busy", ["busy", "waiting"])
async def test_work_goes_first(desk: Desk, busy: str) -> None:
    """While the engine runs or somebody waits nothing is read; afterwards it is."""
    desk.busy, desk.idle = busy == "busy", busy != "waiting"
    desk.reader.touched("a")
    await rest()
    assert desk.asked == []
    desk.busy, desk.idle = False, True
    await rest(20 * REST_S)

    assert len(desk.asked) == 1


async def test_a_place_is_remembered_when_its_document_is_opened_again(desk: Desk) -> None:
    """Cut to what the document has become."""
    desk.reader.touched("a", Point(1, 3))
    desk.reader.stop()
    desk.open("a", "one\nt\n", version=7)
    desk.reader.touched("a")
    await rest()

    assert desk.asked == [("a", Point(1, 1))]


async def test_a_closed_document_or_engine_is_no_error(desk: Desk) -> None:
    """Both may go while the user rests."""
    desk.reader.touched("a")
    del desk.documents["a"]
    await rest()
    assert desk.asked == []
    desk.refuses = True
    desk.reader.touched("b")
    await rest()

    assert desk.handles == []


async def test_after_stop_nothing_happens(desk: Desk) -> None:
    """Neither what was planned nor anything later."""
    desk.reader.touched("a")
    desk.reader.stop()
    await rest()

    assert desk.asked == []
