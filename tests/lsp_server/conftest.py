"""A client that speaks LSP to a real server process, and the models that it serves."""

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.lsp_server.patience import patient_parser

__all__ = ["patient_parser"]  # the tests below this folder find it here

TIMEOUT_S = 60.0  # of anything that must happen at all; a busy machine takes its time
MakeRandomModel = Callable[..., Path]
Message = dict[str, Any]


def framed(message: object) -> bytes:
    body = json.dumps(message).encode()
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


@dataclass
class Client:
    """One LSP client over two binary streams; messages are plain JSON, their order is kept."""

    send_bytes: Callable[[bytes], None]
    read_bytes: Callable[[int], bytes]  # up to so many; b"" at the end
    configuration: object = None  # the answer to workspace/configuration
    arrived: list[tuple[float, Message]] = field(default_factory=list)
    version: int = 1
    opened: set[str] = field(default_factory=set)
    before: Message = field(default_factory=dict)  # what the server had counted at `start_over`
    _next_id: int = 0

    def __post_init__(self) -> None:
        self._news = threading.Condition()
        self._over = False
        self._buffer = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def send(self, message: object) -> None:
        self.send_bytes(framed(message))

    @contextlib.contextmanager
    def at_once(self) -> Iterator[None]:
        """Send what is said inside as one piece, however busy the machine is."""
        said: list[bytes] = []
        send_bytes, self.send_bytes = self.send_bytes, said.append
        try:
            yield
        finally:
            self.send_bytes = send_bytes
        self.send_bytes(b"".join(said))

    def notify(self, method: str, params: object = None) -> None:
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def request(self, method: str, params: object = None) -> int:
        """Send a request and return its id."""
        self._next_id += 1
        self.send({"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": params})
        return self._next_id

    def answer(self, request: int | None) -> Message:
        """Wait for the answer to a request."""
        return self.arrival(request)[1]

    def arrival(self, request: int | None) -> tuple[float, Message]:
        """Wait for the answer to a request; with the time at which it came."""
        return self.wait_for(lambda m: "method" not in m and m.get("id") == request)

    def result(self, method: str, params: object = None) -> Any:
        """Send a request and return its result."""
        message = self.answer(self.request(method, params))
        assert "result" in message, message
        return message["result"]

    def notification(self, method: str) -> Message:
        """Wait for the first notification or request of a method."""
        return self.wait_for(lambda m: m.get("method") == method)[1]

    def all_of(self, method: str) -> list[Message]:
        """Return what has come of a method so far."""
        return [message for _, message in self.arrived if message.get("method") == method]

    def wait_for(self, wanted: Callable[[Message], bool]) -> tuple[float, Message]:
        end = time.monotonic() + TIMEOUT_S
        with self._news:
            while True:
                for arrival in self.arrived:
                    if wanted(arrival[1]):
                        return arrival
                assert not self._over, f"the server has closed; it said {self.arrived[-5:]}"
                assert self._news.wait(end - time.monotonic()), "nothing came in time"

    def wait_closed(self) -> None:
        self._reader.join(TIMEOUT_S)
        assert not self._reader.is_alive()

    def initialize(self, **params: object) -> Message:
        """Introduce a client that knows inline completion; return the server's capabilities.

        Unless told otherwise it wants to see suggestions however unsure the model is of them,
        and no history.
        """
        capabilities = {"textDocument": {"inlineCompletion": {}}}
        given = {"processId": None, "rootUri": None, "capabilities": capabilities, **params}
        options: Any = given.get("initializationOptions", {})
        settings = {"minimumConfidence": 0, "history": False, **options.get("settings", {})}
        given["initializationOptions"] = {**options, "settings": settings}
        result: Message = self.result("initialize", given)
        self.notify("initialized", {})
        return result

    def wait_ready(self) -> None:
        end = time.monotonic() + TIMEOUT_S
        while self.status()["state"] == "loading":
            assert time.monotonic() < end
            time.sleep(0.05)
        assert self.status()["state"] == "ready", self.status()

    def status(self) -> Any:
        """Return the server's status, with what it counts counted since `start_over`."""
        status = self.result("mixline/status", {})
        if self.before:
            for name in ("generations", "generated_tokens"):
                status["engine"][name] -= self.before["engine"][name]
            old = self.before["answers"]
            new = {name: count - old.get(name, 0) for name, count in status["answers"].items()}
            status["answers"] = {name: count for name, count in new.items() if count}
        return status

    def start_over(self) -> None:
        """Close every document and forget what was, for the next test on the same server."""
        for uri in sorted(self.opened):
            self.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
        self.opened.clear()
        self.before = {}
        self.generations_at_rest()
        self.before = self.status()
        self.arrived.clear()

    def wait_engine(self, wanted: Callable[[Any], bool]) -> Any:
        """Wait until the engine's status is as wanted, and return it."""
        end = time.monotonic() + TIMEOUT_S
        while not wanted(engine := self.status()["engine"]):
            assert time.monotonic() < end, engine
            time.sleep(0.002)
        return engine

    def open(self, uri: str, text: str, language: str = "python") -> None:
        self.version = 1
        self.opened.add(uri)
        item = {"uri": uri, "languageId": language, "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})

    def change(self, uri: str, line: int, start: int, end: int, text: str) -> None:
        """Replace a part of one line."""
        self.version += 1
        span = {"start": at(line, start), "end": at(line, end)}
        self.notify(
            "textDocument/didChange",
            {
                "textDocument": {"uri": uri, "version": self.version},
                "contentChanges": [{"range": span, "text": text}],
            },
        )

    def ask_inline(
        self, uri: str, line: int, character: int, *, invoked: bool = False, **context: object
    ) -> int:
        return self.request(
            "textDocument/inlineCompletion",
            {
                "textDocument": {"uri": uri},
                "position": at(line, character),
                "context": {"triggerKind": 1 if invoked else 2, **context},
            },
        )

    def inline(
        self, uri: str, line: int, character: int, *, invoked: bool = False, **context: object
    ) -> list[Message]:
        """Ask for ghost text and return the items."""
        request = self.ask_inline(uri, line, character, invoked=invoked, **context)
        return items_of(self.answer(request))

    def ghost(self, uri: str, line: int, character: int) -> Message:
        """Ask as an editor with the extension does: once more when the server is ready."""
        items = self.inline(uri, line, character)
        if not items:
            self.notification("mixline/ready")
            items = self.inline(uri, line, character, invoked=True)
        assert len(items) == 1, self.status()
        return items[0]

    def generations_at_rest(self) -> int:
        """Return how many were started, once the engine has nothing to do."""
        end = time.monotonic() + 30
        while (engine := self.status()["engine"])["busy"] or engine["waiting"]:
            assert time.monotonic() < end
            time.sleep(0.01)
        return int(engine["generations"])

    def shut_down(self) -> None:
        self.result("shutdown")
        self.notify("exit")

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while (message := self._next_message()) is not None:
                if "method" in message and "id" in message:
                    self._serve(message)
                with self._news:
                    self.arrived.append((time.perf_counter(), message))
                    self._news.notify_all()
        with self._news:
            self._over = True
            self._news.notify_all()

    def _serve(self, message: Message) -> None:
        result: object = None
        if message["method"] == "workspace/configuration":
            result = [self.configuration]
        self.send({"jsonrpc": "2.0", "id": message["id"], "result": result})

    def _next_message(self) -> Message | None:
        while True:
            head, gap, rest = self._buffer.partition(b"\r\n\r\n")
            if gap:
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                if len(rest) >= length:
                    self._buffer = rest[length:]
                    message: Message = json.loads(rest[:length])
                    return message
            data = self.read_bytes(1 << 16)
            if not data:
                return None
            self._buffer += data


def at(line: int, character: int) -> dict[str, int]:
    return {"line": line, "character": character}


def items_of(message: Message) -> list[Message]:
    """Return the items of an answer, which is never null."""
    result = message["result"]
    assert result is not None
    items: list[Message] = result["items"]
    return items


@dataclass
class Process:
    """A server process with its log."""

    process: subprocess.Popen[bytes]
    log: Path

    def stderr(self) -> str:
        return self.log.read_text()


@dataclass
class Servers:
    """Starts servers and ends them with the test."""

    client_class: ClassVar[type[Client]] = Client
    folder: Path
    processes: list[Process] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)

    def spawn(self, *arguments: str, model: Path) -> Process:
        log = self.folder / f"stderr-{len(self.processes)}.txt"
        with log.open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "mixline", "serve", *arguments, "--model", str(model)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd=self.folder,
                env=os.environ
                | {
                    "XDG_CONFIG_HOME": str(self.folder / "config"),
                    "XDG_STATE_HOME": str(self.folder / "state"),
                },
            )
        self.processes.append(Process(process, log))
        return self.processes[-1]

    def stdio(self, model: Path) -> Client:
        """Start a server and return its client, which has said nothing yet."""
        process = self.spawn("--stdio", model=model).process
        outbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None

        def write() -> None:
            # An editor writes and reads independently of each other.
            with contextlib.suppress(OSError):
                while data := outbox.get():
                    stdin.write(data)
                    stdin.flush()

        threading.Thread(target=write, daemon=True).start()
        client = Client(outbox.put, lambda size: os.read(stdout.fileno(), size))
        self.clients.append(client)
        return client

    def close(self) -> None:
        for server in self.processes:
            if server.process.poll() is None:
                server.process.kill()
            server.process.wait(TIMEOUT_S)
        for client in self.clients:
            client.wait_closed()
            client.send_bytes(b"")  # the writing thread ends
        for server in self.processes:
            for stream in (server.process.stdin, server.process.stdout):
                with contextlib.suppress(OSError):
                    if stream is not None:
                        stream.close()


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    """Start language servers; they end with the test."""
    made = Servers(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="session")
def slow_model(make_random_model: MakeRandomModel) -> Path:
    """Random weights in so many layers that a token takes a while on any machine."""
    return make_random_model(
        weights="int4",
        layers=48,
        hidden=256,
        heads=4,
        kv_heads=2,
        head_dim=64,
        experts=4,
        experts_per_token=2,
        expert_hidden=256,
    )


@pytest.fixture(scope="module")
def module_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Start language servers that serve all tests of a file, one after another."""
    made = Servers(tmp_path_factory.mktemp("servers"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def slow_server(module_servers: Servers, slow_model: Path) -> Client:
    """A client of a server whose generations last; the model is loaded."""
    client = module_servers.stdio(slow_model)
    client.initialize()
    client.wait_ready()
    return client


@pytest.fixture
def slow_client(slow_server: Client) -> Client:
    """The same client, as if nothing had happened before."""
    slow_server.start_over()
    return slow_server


@pytest.fixture(scope="module")
def shipped_server(module_servers: Servers, shipped_model: Path) -> Client:
    """A client of a server with the shipped model; the model is loaded."""
    client = module_servers.stdio(shipped_model)
    client.initialize()
    client.wait_ready()
    return client


@pytest.fixture
def client(shipped_server: Client) -> Client:
    """The same client, as if nothing had happened before."""
    shipped_server.start_over()
    return shipped_server
