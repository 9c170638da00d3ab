"""The server under traffic of every kind: a short seeded run, and hypothesis' own."""

import asyncio
import gc
import random
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.fuzz.client_text import ClientText
from tests.fuzz.hosted import Hosted, Session, errors_logged
from tests.fuzz.protocol import fuzz, growth
from tests.fuzz.traffic import Traffic, notification

# Choices that hypothesis makes, so that it can shrink them.
CHOICES = st.randoms(use_true_random=False)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the history apart."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture(scope="module")
def hosted(shipped_model: Path) -> Iterator[Hosted]:
    """An engine for all sessions of this file."""
    made = Hosted(shipped_model)
    yield made
    made.close()


def test_two_thousand_messages(shipped_model: Path) -> None:
    """Documents are the client's, requests are answered once; `make fuzz` sends 10^6."""
    told = fuzz(shipped_model, seed=10, first=0, messages=2000)

    assert told.failures == []
    assert told.messages >= 2000
    assert told.suggestions > 0


def test_memory_that_grows_is_told() -> None:
    """By 1 MB in ten rounds, not by what is taken at first or comes and goes."""
    warm = [140, 160, 170, 174, 176, 177]
    flat = [178, 171, 180, 175, 179, 177, 178, 176, 172, 181, 175, 178]

    assert growth(warm + flat) < 0.05
    assert growth([170 + number for number in range(30)]) > 0.05
    assert growth([170, 190, 210]) == 0


class Machine(RuleBasedStateMachine):
    """One session; the documents are compared behind every rule."""

    hosted: ClassVar[Hosted]

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        draw = random.Random(0)  # noqa: S311 - for what is no choice of a rule
        self.traffic = Traffic(draw, "file:///nowhere", "utf-16")
        self.errors = errors_logged()
        self.logged = self.errors.__enter__()
        self.session: Session = self.runner.run(self.begin())
        self.send(self.traffic.open())

    async def begin(self) -> Session:
        return Session(self.hosted, self.traffic, "utf-16", "file:///nowhere")

    def send(self, message: Any) -> None:
        async def feed() -> None:
            self.session.send(message)
            await self.session.breathe()

        self.runner.run(feed())

    def play(self, draw: random.Random, name: str) -> None:
        self.traffic.draw = draw
        self.send(getattr(self.traffic, name)())

    @rule(draw=CHOICES)
    def open(self, draw: random.Random) -> None:
        self.play(draw, "open")

    @rule(draw=CHOICES)
    def close(self, draw: random.Random) -> None:
        self.play(draw, "close")

    @rule(draw=CHOICES)
    def change(self, draw: random.Random) -> None:
        self.play(draw, "change")

    @rule(draw=CHOICES)
    def change_wrongly(self, draw: random.Random) -> None:
        self.play(draw, "refused_change")

    @rule(draw=CHOICES)
    def ask_and_cancel(self, draw: random.Random) -> None:
        self.play(draw, "inline")
        self.play(draw, "cancel")

    @rule(draw=CHOICES)
    def anything_else(self, draw: random.Random) -> None:
        self.traffic.draw = draw
        self.send(self.traffic.next())

    @invariant()
    def nothing_is_wrong(self) -> None:
        self.traffic.draw = random.Random(0)  # noqa: S311 - likewise
        self.runner.run(self.session.settle())
        assert self.session.problems + self.logged == []

    def teardown(self) -> None:
        self.traffic.draw = random.Random(0)  # noqa: S311 - likewise
        self.runner.run(self.session.end())
        self.runner.close()
        self.errors.__exit__(None, None, None)
        assert self.session.problems + self.logged == []


def test_any_order_that_hypothesis_thinks_of(hosted: Hosted) -> None:
    """Rules in any order, which are shrunk where something is wrong."""
    Machine.hosted = hosted
    limits = settings(
        max_examples=5,
        stateful_step_count=15,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Machine, settings=limits)


def test_another_text_is_found(hosted: Hosted) -> None:
    """The comparison is one."""

    async def play() -> list[str]:
        traffic = Traffic(random.Random(1), "file:///nowhere", "utf-16")  # noqa: S311 - seeded
        session = Session(hosted, traffic, "utf-16", "file:///nowhere")
        session.send(traffic.open())
        (uri,) = traffic.documents
        traffic.documents[uri].text = "what the client has"
        await session.settle()
        await session.end()
        return session.problems

    with errors_logged():
        assert any("the client" in one for one in asyncio.run(play()))


def test_positions_of_the_client() -> None:
    """The oracle itself, in every encoding, with a character of two and four units."""
    for encoding, before in (("utf-8", 4), ("utf-16", 2), ("utf-32", 1)):
        known = ClientText("\U0001f60bx\r\ny", 1, encoding)
        known.replace((0, before), (0, before + 1), "z")
        known.replace((1, 0), (9, 9), "end")

        assert known.text == "\U0001f60bz\r\nend"


def ask_and(hosted: Hosted, *after: dict[str, Any]) -> Session:
    """Ask for ghost text with the id 2, send more at once, close, and return the session."""

    async def play() -> Session:
        traffic = Traffic(random.Random(3), "file:///nowhere", "utf-16")  # noqa: S311 - seeded
        session = Session(hosted, traffic, "utf-16", "file:///nowhere")
        session.send(traffic.open())
        (uri,) = traffic.documents
        place = {"line": 0, "character": 0}
        params = {"textDocument": {"uri": uri}, "position": place, "context": {"triggerKind": 1}}
        asked = traffic.request("textDocument/inlineCompletion", params)
        assert asked["id"] == 2
        session.send(asked)
        for message in after:
            session.send(message)
        await session.end()
        return session

    with errors_logged() as errors:
        session = asyncio.run(play())
    session.problems += errors
    return session


@pytest.mark.parametrize("part", [{"result": None}, {"error": {"code": 1, "message": "x"}}])
@pytest.mark.parametrize("method", [{}, {"method": "nobody/knows"}])
def test_an_answer_nobody_asked_for_answers_no_request_of_the_clients(
    hosted: Hosted, part: dict[str, Any], method: dict[str, str]
) -> None:
    """Found by the fuzzer: ghost text was answered null, and the document was never closed."""
    answer = {"jsonrpc": "2.0", "id": 2 if not method else 99, **method, **part}
    session = ask_and(hosted, answer)

    assert [one for one in session.problems if "99" not in one] == []


@pytest.mark.parametrize("wrong", [{}, [], {"a": 1}, None, 1.5])
def test_a_cancellation_of_something_that_is_no_id(hosted: Hosted, wrong: object) -> None:
    """Found by the fuzzer: it ended in a traceback."""
    assert ask_and(hosted, notification("$/cancelRequest", {"id": wrong})).problems == []


def test_a_change_of_a_notebook_that_is_not_open(hosted: Hosted) -> None:
    """Found by the fuzzer: pygls failed on it before our own store was asked."""
    array = {"start": 0, "deleteCount": 1, "cells": []}
    params = {
        "notebookDocument": {"uri": "file:///nowhere/n.ipynb", "version": 2},
        "change": {"cells": {"structure": {"array": array}}},
    }

    assert ask_and(hosted, notification("notebookDocument/didChange", params)).problems == []


def test_a_wrong_answer_to_the_servers_own_request_ends_it(hosted: Hosted) -> None:
    """Found by reading on: whoever waited for it in the server would have waited for ever."""

    async def play() -> bool:
        traffic = Traffic(random.Random(3), "file:///nowhere", "utf-16")  # noqa: S311 - seeded
        session = Session(hosted, traffic, "utf-16", "file:///nowhere")
        protocol = session.connection.server.protocol
        future = protocol.send_request("workspace/configuration", {"items": []}, msg_id="own")
        session.send({"jsonrpc": "2.0", "id": "own", "result": 5})
        with pytest.raises(Exception, match="Invalid Params"):
            future.result(0)
        await session.end()
        return "own" in protocol._result_types

    with errors_logged():
        assert not asyncio.run(play())


def test_a_session_that_is_over_is_forgotten(hosted: Hosted) -> None:
    """Found by the fuzzer: a cache of pygls' kept former clients, with all that they had open."""

    async def play() -> "weakref.ref[object]":
        traffic = Traffic(random.Random(3), "file:///nowhere", "utf-16")  # noqa: S311 - seeded
        session = Session(hosted, traffic, "utf-16", "file:///nowhere")
        session.send(traffic.open())
        await session.settle()
        await session.end()
        return weakref.ref(session.connection.server)

    server = asyncio.run(play())
    asyncio.run(asyncio.sleep(0))  # the event loop's own last references go with it
    gc.collect()

    assert server() is None


def test_a_handled_message_leaves_no_future_behind(hosted: Hosted) -> None:
    """Found by the fuzzer: pygls kept one for every notification and command, for ever."""

    async def play() -> list[object]:
        traffic = Traffic(random.Random(3), "file:///nowhere", "utf-16")  # noqa: S311 - seeded
        session = Session(hosted, traffic, "utf-16", "file:///nowhere")
        command = {"command": "mixline.docstring", "arguments": []}
        session.send(traffic.request("workspace/executeCommand", command))
        for _ in range(5):
            session.send(notification("$/setTrace", {"value": "off"}))
        await session.settle()
        await session.breathe(0.01)
        await session.settle()
        protocol = session.connection.server.protocol
        left = protocol._request_futures.keys() - protocol._result_types.keys()
        await session.end()
        return sorted(left)

    with errors_logged():
        assert asyncio.run(play()) == []


def test_what_cannot_be_done_is_no_internal_error(hosted: Hosted) -> None:
    """Found by the fuzzer: a docstring that nobody can write was told as a fault of the server."""
    command = {"command": "mixline.docstring", "arguments": [{"uri": "file:///x", "line": 0}]}

    async def play() -> int:
        traffic = Traffic(random.Random(3), "file:///nowhere", "utf-16")  # noqa: S311 - seeded
        session = Session(hosted, traffic, "utf-16", "file:///nowhere")
        item = {"uri": "file:///x", "languageId": "python", "version": 1, "text": "x = 1\n"}
        session.send(notification("textDocument/didOpen", {"textDocument": item}))
        asked = traffic.request("workspace/executeCommand", command)
        session.send(asked)
        await session.settle()
        await session.end()
        return int(session._answers[asked["id"]]["error"]["code"])

    with errors_logged():
        assert asyncio.run(play()) == -32803
