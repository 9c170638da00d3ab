"""TCP: who has no token, speaks HTTP or comes second gets nothing done."""

import contextlib
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

INVALID_REQUEST = -32600
TIMEOUT_S = 60.0


class Port:
    """A server on a port, and how to reach it."""

    def __init__(self, server: Any, client_class: Any) -> None:
        self.server = server
        self._client_class = client_class
        self.sockets: list[socket.socket] = []
        self.clients: list[Any] = []
        self.port = int(self.printed(r"listening on [\d.]+:(\d+)"))
        self.token = self.printed(r"token (\S+)")

    def printed(self, pattern: str) -> str:
        end = time.monotonic() + TIMEOUT_S
        while (match := re.search(pattern, self.server.stderr())) is None:
            assert time.monotonic() < end
            assert self.server.process.poll() is None, self.server.stderr()
            time.sleep(0.02)
        return match[1]

    def connect(self) -> Any:
        connection = socket.create_connection(("127.0.0.1", self.port), TIMEOUT_S)
        connection.settimeout(TIMEOUT_S)
        self.sockets.append(connection)
        return connection

    def client(self) -> Any:
        connection = self.connect()
        client = self._client_class(connection.sendall, connection.recv)
        self.clients.append(client)
        return client

    def admitted(self) -> Any:
        """Return an initialized client; the place may just be becoming free."""
        end = time.monotonic() + TIMEOUT_S
        while True:
            client = self.client()
            try:
                client.initialize(initializationOptions={"token": self.token})
            except (AssertionError, OSError):
                assert time.monotonic() < end
                time.sleep(0.02)
            else:
                return client

    def close(self) -> None:
        for connection in self.sockets:
            connection.close()


@pytest.fixture
def port(servers: Any, tiny_model: Path) -> Iterator[Port]:
    """A server on a free port of the loopback interface."""
    opened = Port(servers.spawn("--tcp", "127.0.0.1:0", model=tiny_model), servers.client_class)
    yield opened
    opened.close()


def read_all(connection: socket.socket) -> bytes:
    """Read until the server has closed."""
    data = b""
    try:
        while piece := connection.recv(65536):
            data += piece
    except ConnectionResetError:
        pass
    return data


def initialize(token: object) -> dict[str, Any]:
    options = {} if token is None else {"token": token}
    return {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "processId": None,
            "rootUri": None,
            "capabilities": {},
            "initializationOptions": options,
        },
    }


def framed(message: object) -> bytes:
    body = json.dumps(message).encode()
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def test_with_the_token_it_works_for_one_client_after_another(port: Port) -> None:
    """Each gets a session of its own; the engine stays."""
    first = port.admitted()
    first.wait_ready()
    first.open("file:///a.py", "x = 1\n")
    first.inline("file:///a.py", 0, 5, invoked=True)
    generations = first.generations_at_rest()
    first.shut_down()
    first.wait_closed()
    second = port.admitted()

    assert second.status()["state"] == "ready"
    assert second.status()["engine"]["generations"] == generations
    assert second.status()["answers"] == {}
    assert second.inline("file:///a.py", 0, 5, invoked=True) == []
    assert second.status()["answers"] == {"unknown_document": 1}


def test_a_client_that_just_goes_makes_room(port: Port) -> None:
    """Without shutdown and exit as well."""
    port.admitted()
    port.sockets[-1].shutdown(socket.SHUT_RDWR)
    port.sockets[-1].close()

    assert port.admitted().status()["state"] in {"loading", "ready"}


@pytest.mark.parametrize(
    "token",
    [None, "", "wrong", "x" * 5000, 17, ["a"], "\ud800"],
    ids=["none", "empty", "wrong", "long", "number", "list", "surrogate"],
)
def test_a_wrong_token_is_refused_and_closed(port: Port, token: object) -> None:
    """Also where more messages follow in the same breath: none of them is handled."""
    connection = port.connect()
    status = {"jsonrpc": "2.0", "id": 2, "method": "mixline/status", "params": {}}
    connection.sendall(framed(initialize(token)) + framed(status))
    answers = read_all(connection).decode()

    assert f'"code": {INVALID_REQUEST}' in answers
    assert '"result"' not in answers
    assert '"state"' not in answers
    assert port.token not in answers


def test_an_http_post_that_wraps_messages_gets_nothing_done(port: Port) -> None:
    """A browser can send any body, even one with the right token, but not without its headers."""
    body = framed(initialize(port.token)) + framed({"jsonrpc": "2.0", "method": "exit"})
    for head in (
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n",
        b"Content-Length: %d\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n",
    ):
        connection = port.connect()
        connection.sendall(head % len(body) + body)
        assert read_all(connection) == b""
        connection.close()

    assert port.admitted().status()["state"] in {"loading", "ready"}


def test_a_second_client_is_refused(port: Port) -> None:
    """Even with the token; the first one is not disturbed."""
    first = port.admitted()
    second = port.connect()
    with contextlib.suppress(OSError):
        second.sendall(framed(initialize(port.token)))
    assert read_all(second) == b""

    assert first.status()["state"] in {"loading", "ready"}


def test_a_silent_client_does_not_hold_the_place(port: Port) -> None:
    """Who does not introduce itself is put out after ten seconds."""
    silent = port.connect()
    started = time.monotonic()
    assert read_all(silent) == b""

    assert 5 < time.monotonic() - started < 40
    assert port.admitted().status()["state"] in {"loading", "ready"}


def test_a_message_over_the_limit_is_refused(port: Port) -> None:
    """As on stdio."""
    client = port.admitted()
    client.send_bytes(b"Content-Length: 67108865\r\n\r\n" + b"x" * 67108865)

    assert client.answer(None)["error"]["code"] == INVALID_REQUEST
    assert client.status()["state"] in {"loading", "ready"}


def serve(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "mixline", "serve", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=TIMEOUT_S,
        check=False,
    )


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "no.such.host.invalid:0"])
def test_only_loopback_is_served(address: str, tmp_path: Path) -> None:
    """Another address needs --allow-remote; one sentence says so."""
    done = serve("--tcp", address, folder=tmp_path)

    assert done.returncode in {1, 2}
    assert len(done.stderr.strip().splitlines()) == 1
    assert "listening" not in done.stderr


def test_other_machines_need_the_token_too(servers: Any, tiny_model: Path) -> None:
    """Whoever allows them: an address of all networks is served, and guarded as loopback is."""
    server = servers.spawn("--tcp", "0.0.0.0:0", "--allow-remote", model=tiny_model)
    opened = Port(server, servers.client_class)
    connection = opened.connect()
    connection.sendall(framed(initialize(None)))
    refused = read_all(connection)
    status = opened.admitted().status()
    opened.close()

    assert str(INVALID_REQUEST).encode() in refused
    assert status["state"] in {"loading", "ready"}
    assert "listening on 0.0.0.0:" in server.stderr()


def test_a_port_in_use_is_one_sentence(port: Port, tmp_path: Path) -> None:
    """With what to do about it."""
    done = serve("--tcp", f"127.0.0.1:{port.port}", folder=tmp_path)

    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port.port}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("content", [None, "short", "é" * 40], ids=["missing", "short", "no ASCII"])
def test_an_unusable_token_file_is_one_sentence(content: str | None, tmp_path: Path) -> None:
    """Missing, too short, or no ASCII."""
    if content is not None:
        (tmp_path / "token").write_text(content, encoding="utf-8")
    done = serve("--tcp", "127.0.0.1:0", "--token-file", "token", folder=tmp_path)

    assert done.returncode in {1, 2}
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_token_from_a_file_is_not_printed(servers: Any, tiny_model: Path, tmp_path: Path) -> None:
    """Who has written the file knows it already."""
    token = "the-word-of-the-file-0123456789"  # noqa: S105 - of this test only
    (tmp_path / "token").write_text(token + "\n")
    server = servers.spawn(
        "--tcp", "127.0.0.1:0", "--token-file", str(tmp_path / "token"), model=tiny_model
    )
    opened = Port(server, servers.client_class)
    opened.token = token
    status = opened.admitted().status()
    opened.close()

    assert status["state"] in {"loading", "ready"}
    assert token not in server.stderr()
