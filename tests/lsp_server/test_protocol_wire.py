"""What is no proper LSP, over the wire: refused with the right code, and the server lives on."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

URI = "file:///work/a.py"
PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
NOT_INITIALIZED = -32002


@pytest.fixture
def fresh(servers: Any, tiny_model: Path) -> Any:
    """A client that has not said anything."""
    return servers.stdio(tiny_model)


@pytest.fixture
def client(fresh: Any) -> Any:
    """A client that is initialized; the model may still load."""
    fresh.initialize()
    return fresh


def raw(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", PARSE_ERROR),
        (b"\xff\xfe", PARSE_ERROR),
        (b"[" * 100_000, PARSE_ERROR),
        (b"[]", INVALID_REQUEST),
        (b"17", INVALID_REQUEST),
        (b"{}", INVALID_REQUEST),
        (b'{"jsonrpc": "1.0", "method": "shutdown"}', INVALID_REQUEST),
        (b'{"jsonrpc": "2.0", "method": 3}', INVALID_REQUEST),
        (b'{"jsonrpc": "2.0", "id": [], "method": "shutdown"}', INVALID_REQUEST),
    ],
)
def test_a_malformed_message_is_answered_and_survived(client: Any, body: bytes, code: int) -> None:
    """The answer has no id; the next request works."""
    client.send_bytes(raw(body))
    assert client.answer(None)["error"]["code"] == code

    assert client.status()["state"] in {"loading", "ready"}


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("textDocument/inlineCompletion", {"textDocument": {"uri": URI}}),
        ("textDocument/inlineCompletion", None),
        (
            "textDocument/inlineCompletion",
            {
                "textDocument": {"uri": URI},
                "position": {"line": -1, "character": 0},
                "context": {"triggerKind": 1},
            },
        ),
        ("mixline/complete", {}),
        ("mixline/complete", [1]),
        ("mixline/complete", {"textDocument": {"uri": URI}, "position": {"line": "0"}}),
        (
            "mixline/complete",
            {
                "textDocument": {"uri": URI},
                "position": {"line": 0, "character": 0},
                "maxTokens": 0,
            },
        ),
        (
            "mixline/complete",
            {"textDocument": {"uri": "file:///other"}, "position": {"line": 0, "character": 0}},
        ),
    ],
)
def test_wrong_parameters_are_told(client: Any, method: str, params: object) -> None:
    """With a code that says so, and no traceback in the log."""
    client.open(URI, "x = 1\n")

    assert client.answer(client.request(method, params))["error"]["code"] == INVALID_PARAMS


def test_an_unknown_method_is_told(client: Any) -> None:
    """A request is answered, a notification ignored."""
    client.notify("mixline/unknown", {})

    assert client.answer(client.request("mixline/unknown", {}))["error"]["code"] == METHOD_NOT_FOUND


def test_an_unknown_document_is_an_empty_list(client: Any) -> None:
    """No file is read from disk for it, and changes to it are ignored."""
    client.wait_ready()
    client.change("file:///etc/passwd", 0, 0, 0, "x")
    client.notify("textDocument/didClose", {"textDocument": {"uri": "file:///etc/passwd"}})

    assert client.inline("file:///etc/passwd", 0, 0, invoked=True) == []


def test_a_position_outside_is_moved_inside(client: Any) -> None:
    """A line or column that does not exist is no reason to fail, in requests and in edits."""
    client.wait_ready()
    client.open(URI, "x = 1\n")
    client.change(URI, 99, 99, 99, "y")

    assert client.inline(URI, 10**9, 10**9, invoked=True) is not None


def test_nothing_works_before_initialize(fresh: Any) -> None:
    """Requests are refused, notifications dropped, initialize works then."""
    fresh.open(URI, "x")
    assert fresh.answer(fresh.request("mixline/status", {}))["error"]["code"] == NOT_INITIALIZED
    fresh.initialize()

    assert fresh.answer(fresh.request("initialize", {}))["error"]["code"] == INVALID_REQUEST


def test_a_message_over_the_limit_is_refused(client: Any) -> None:
    """64 MiB are the most; what follows is handled."""
    client.wait_ready()
    text = "x" * (64 * 1024 * 1024)
    client.open(URI, text)
    assert client.answer(None)["error"]["code"] == INVALID_REQUEST

    assert client.inline(URI, 0, 0, invoked=True) == []


def test_another_header_ends_the_server(servers: Any, fresh: Any) -> None:
    """Who speaks HTTP to stdin is no editor."""
    fresh.send_bytes(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")
    fresh.wait_closed()

    assert servers.processes[0].process.wait(30) == 1
    assert "closing the connection" in servers.processes[0].stderr()


def test_the_end_while_the_model_loads(servers: Any, slow_model: Path) -> None:
    """Nobody waits for a model that nobody wants any more, and nothing aborts."""
    client = servers.stdio(slow_model)
    client.initialize()
    assert client.status()["state"] == "loading"
    client.shut_down()

    assert servers.processes[0].process.wait(30) == 0


@pytest.mark.parametrize("politely", [True, False])
def test_the_end(servers: Any, client: Any, politely: bool) -> None:
    """Exit status 0 after shutdown and exit, 1 after exit alone."""
    if politely:
        client.result("shutdown")
        assert client.answer(client.request("mixline/status"))["error"]["code"] == INVALID_REQUEST
    client.notify("exit")

    assert servers.processes[0].process.wait(30) == (0 if politely else 1)


def test_the_end_of_stdin_is_the_end(servers: Any, client: Any) -> None:
    """An editor that dies takes its server along."""
    client.send_bytes(b"")  # the writing thread ends
    time.sleep(0.1)
    servers.processes[0].process.stdin.close()

    assert servers.processes[0].process.wait(30) == 1


def test_a_broken_model_is_told_once(servers: Any, tmp_path: Path) -> None:
    """One message with one sentence; requests are answered with empty lists."""
    client = servers.stdio(tmp_path / "nothing")
    client.initialize()
    message = client.notification("window/showMessage")["params"]
    client.open(URI, "x = ")
    status = client.status()

    assert message["type"] == 1
    assert str(tmp_path / "nothing") in message["message"]
    assert "\n" not in message["message"]
    assert client.inline(URI, 0, 4, invoked=True) == []
    assert (status["state"], status["engine"]) == ("failed", None)
    assert status["message"] in message["message"]
    assert len(client.all_of("window/showMessage")) == 1


def test_the_log_has_no_source_text(servers: Any, client: Any) -> None:
    """Neither of documents nor of broken messages, whatever goes wrong."""
    client.wait_ready()
    word = "xylophone"
    client.open(URI, f"{word} = 1\n{word}")
    client.inline(URI, 1, len(word), invoked=True)
    client.notify("textDocument/didOpen", {"textDocument": {"uri": URI, "text": [word]}})
    client.notify("textDocument/didChange", {"textDocument": {"uri": word}, "contentChanges": word})
    client.notify("workspace/didChangeWorkspaceFolders", {"event": {"added": [word]}})
    client.send_bytes(raw(json.dumps({"jsonrpc": word}).encode()))
    client.status()
    client.shut_down()
    servers.processes[0].process.wait(30)
    log = servers.processes[0].stderr()

    assert "textDocument/inlineCompletion invoked: " in log
    assert word not in log
    assert "Traceback" not in log


def test_the_server_names_itself(fresh: Any) -> None:
    """Name, version, and the capabilities that clients look for."""
    answer = fresh.initialize()
    capabilities = answer["capabilities"]

    assert answer["serverInfo"]["name"] == "mixline"
    assert answer["serverInfo"]["version"]
    assert capabilities["inlineCompletionProvider"] == {}
    assert capabilities["textDocumentSync"]["change"] == 2
    assert capabilities["textDocumentSync"]["openClose"] is True
    assert "completionProvider" not in capabilities
