"""The history of a real server with the shipped model, from keys to `mixline stats`."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lsp_server.history.calibration import log_odds, probability
from lsp_server.history.file import HistoryFile
from lsp_server.history.records import Verdict
from lsp_server.history.schema import write
from tests.lsp_server.history.samples import judged, shown

CANARY = "canaryInTheColeMine"
URI = f"file:///work/{CANARY}.py"
BODY = f"""\
import json


def load_orders(path):
    {CANARY} = open(path, encoding="utf-8")
    return json.load({CANARY})


def load_customers(path):
    {CANARY} = open(path, encoding="utf-8")
    return json.load({CANARY})


"""
BEGUN = f"    {CANARY} = open(path, enc"
TEXT = f"{BODY}def load_products(path):\n{BEGUN}"
LINE, COLUMN = TEXT.count("\n"), len(BEGUN)
REST = 'oding="utf-8")'


def patient(**settings: object) -> dict[str, Any]:
    """Settings of a client that would rather wait than be told to ask again."""
    return {
        "initializationOptions": {
            "settings": {"answerWithinMs": 10_000, "history": True, **settings}
        }
    }


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Where the servers of a test keep their history."""
    return tmp_path / "state"


def stats(state: Path, *words: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "mixline", "stats", *(words or ("--json",))],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={"PATH": "/usr/bin:/bin", "XDG_STATE_HOME": str(state)},
    )
    return done.stdout if words else json.loads(done.stdout)


def everything(state: Path) -> bytes:
    return b"".join(path.read_bytes() for path in state.rglob("*") if path.is_file())


def suggest(client: Any, uri: str = URI) -> Any:
    client.open(uri, TEXT)
    (item,) = client.inline(uri, LINE, COLUMN)
    assert item["insertText"] == REST
    return item


def test_an_accept_is_seen_by_the_command_line(
    servers: Any, state: Path, shipped_model: Path
) -> None:
    """Shown, accepted by an edit, confirmed by the command; the files hold no text and no path."""
    client = servers.stdio(shipped_model)
    capabilities = client.initialize(**patient())["capabilities"]
    client.wait_ready()
    command = suggest(client)["command"]
    client.change(URI, LINE, COLUMN, COLUMN, REST)
    client.result("workspace/executeCommand", command)
    client.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
    asked = client.result("mixline/stats", {})
    client.open(URI, TEXT)
    client.inline(URI, LINE, COLUMN)
    client.change(URI, LINE, COLUMN, COLUMN, "?")
    client.result("mixline/stats", {})
    found = stats(state)
    data = everything(state)

    assert command["command"] in capabilities["executeCommandProvider"]["commands"]
    assert asked["total"]["shown"] == asked["total"]["confirmed"] == 1
    assert found["total"]["shown"] == 2
    assert found["total"]["accepted"] == {"whole": 1, "line": 0, "word": 0}
    assert found["total"]["characters_accepted"] == len(REST)
    assert found["total"]["retained"]["close"] == {"suggestions": 1, "share": 1.0}
    assert found["total"]["rejected"] + found["total"]["brief"] == 1
    assert found["languages"].keys() == {"python"}
    assert found["total"]["latency_ms"]["p50"] > 0
    assert b"python" in data
    for secret in (CANARY, "encoding", "load_", "/work", "file:"):
        assert secret.encode() not in data


def test_deleting_while_a_server_runs(servers: Any, state: Path, shipped_model: Path) -> None:
    """Then the count is 0, though the server still had something to write; later it counts on."""
    client = servers.stdio(shipped_model)
    client.initialize(**patient())
    client.wait_ready()
    suggest(client)
    client.result("mixline/stats", {})
    suggest(client, "file:///work/other.py")
    told = stats(state, "--delete")
    empty = client.result("mixline/stats", {})
    suggest(client, "file:///work/third.py")

    assert "files deleted" in told
    assert (empty["total"]["shown"], empty["since"]) == (0, None)
    assert client.result("mixline/stats", {})["total"]["shown"] == 1


@pytest.mark.parametrize("name", ["secrets.py", "off.py"])
def test_neither_of_secrets_nor_against_the_users_wish(
    servers: Any, state: Path, shipped_model: Path, name: str
) -> None:
    """A file on the secrets list leaves nothing; with `history: false` no file does."""
    client = servers.stdio(shipped_model)
    client.initialize(**patient(history=name != "off.py"))
    client.wait_ready()
    uri = f"file:///work/{name}"
    client.open(uri, TEXT)
    items = client.inline(uri, LINE, COLUMN)
    client.change(uri, LINE, COLUMN, COLUMN, REST)
    client.shut_down()
    client.wait_closed()

    assert bool(items) == (name == "off.py")
    assert not [path for path in state.rglob("*") if path.is_file()]


def test_two_servers_share_a_file(servers: Any, state: Path, shipped_model: Path) -> None:
    """Both write at once, on leaving too; nothing is lost."""
    clients = [servers.stdio(shipped_model) for _ in range(2)]
    for client in clients:
        client.initialize(**patient())
    for client in clients:
        client.wait_ready()
        for number in range(3):
            suggest(client, f"file:///work/{number}.py")
            client.request("mixline/stats", {})
        client.open("file:///work/last.py", TEXT)
        client.inline("file:///work/last.py", LINE, COLUMN)
    for client in clients:
        client.shut_down()
    for client in clients:
        client.wait_closed()

    assert stats(state)["total"]["shown"] == 8


def test_a_user_who_turns_everything_down_is_shown_less(
    servers: Any, state: Path, shipped_model: Path
) -> None:
    """After 250 rejections the same place is silent, unless adapting is switched off."""

    def items(**settings: object) -> Any:
        client = servers.stdio(shipped_model)
        client.initialize(**patient(**settings))
        client.wait_ready()
        client.open(URI, TEXT)
        client.result("mixline/stats", {})  # by now what is known of the user was read
        found = client.inline(URI, LINE, COLUMN)
        client.shut_down()
        client.wait_closed()
        return found

    file = HistoryFile(state / "mixline")
    assert items(minimumConfidence=0.01)
    with file.open() as connection:
        ((sure,),) = connection.execute("SELECT confidence FROM suggestion").fetchall()
        # Told apart by the place, or they would count as one.
        turned_down = [shown(place=str(number)) for number in range(250)]
        verdicts = [judged(suggestion, Verdict.REJECTED, 0) for suggestion in turned_down]
        write(connection, [*turned_down, *verdicts], file.salt())
    a_little_less = probability(log_odds(sure) - 0.3)

    assert items(minimumConfidence=a_little_less, adaptToMe=False)
    assert not items(minimumConfidence=a_little_less)


def test_wrong_commands_are_refused_or_ignored(servers: Any, shipped_model: Path) -> None:
    """Whatever a client sends as an argument."""
    client = servers.stdio(shipped_model)
    client.initialize(**patient())
    for arguments in ([], ["1"], ["x"], ["9" * 40], [{"a": 1}], [1, 2], None):
        params = {"command": "mixline.accepted", "arguments": arguments}
        assert "method" not in client.answer(client.request("workspace/executeCommand", params))

    assert client.result("mixline/stats", {})["total"]["shown"] == 0
