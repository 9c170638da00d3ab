"""The model writes a docstring in an editor: progress, cancelling, placeholders."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from lsp_server.features.docstring import COMMAND
from tests.lsp_server.conftest import Client, Message, Servers, at

PARAMETERS = ", ".join(f"number_{number}" for number in range(12))
TEXT = f"class C:\n    def f(self, {PARAMETERS}):\n        return number_1\n"
CAPABILITIES = {
    "textDocument": {
        "inlineCompletion": {},
        "codeAction": {"resolveSupport": {"properties": ["edit"]}},
    },
    "window": {"workDoneProgress": True},
    "workspace": {
        "applyEdit": True,
        "workspaceEdit": {"documentChanges": True, "snippetEditSupport": True},
    },
}
SETTINGS = {"docstringWords": "model", "docstringUnsure": "placeholder"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, slow_model: Path) -> Iterator[Client]:
    """A client of a server with a model of random weights, which is sure of nothing."""
    folder = tmp_path_factory.mktemp("writing")
    with contextlib.closing(Servers(folder)) as servers:
        client = servers.stdio(slow_model)
        client.initialize(
            rootUri=folder.as_uri(),
            capabilities=CAPABILITIES,
            initializationOptions={"settings": SETTINGS},
        )
        client.wait_ready()
        yield client


def _action(client: Client, uri: str) -> Message:
    client.open(uri, TEXT)
    (action,) = client.result(
        "textDocument/codeAction",
        {
            "textDocument": {"uri": uri},
            "range": {"start": at(1, 8), "end": at(1, 8)},
            "context": {"diagnostics": [], "only": ["refactor.rewrite"]},
        },
    )
    return dict(action)


def test_a_slot_of_which_nobody_is_sure_is_a_placeholder(client: Client) -> None:
    """A snippet of whole lines from the margin; each phrase is the text of a placeholder."""
    action = _action(client, "file:///placeholders.py")
    resolved = client.result("codeAction/resolve", action)
    (change,) = resolved["edit"]["documentChanges"]
    (edit,) = change["edits"]
    snippet = edit["snippet"]["value"]

    assert edit["range"] == {"start": at(2, 0), "end": at(2, 0)}
    assert snippet.startswith('        """${1:')
    assert "            number_1: ${3:Returned as it is.}\n" in snippet
    assert "${14:" in snippet
    assert "${15:" not in snippet
    assert snippet.endswith('        """\n$0')


def test_cancelling_a_resolve_stops_the_model(client: Client) -> None:
    """While it writes there is progress with a button; afterwards no slot more is begun."""
    action = _action(client, "file:///cancelled.py")
    begun = client.generations_at_rest()
    client.arrived.clear()
    request = client.request("codeAction/resolve", action)
    progress = client.wait_for(lambda m: _kind(m) == "begin")[1]["params"]["value"]
    client.wait_for(lambda m: _kind(m) == "report")
    client.notify("$/cancelRequest", {"id": request})

    assert client.answer(request)["error"]["code"] == -32800
    assert progress["cancellable"]
    assert "docstring" in progress["title"]
    assert client.generations_at_rest() - begun < 13
    client.wait_for(lambda m: _kind(m) == "end")


def test_the_button_stops_the_command(client: Client) -> None:
    """It is answered as cancelled, and nothing is applied."""
    uri = "file:///pressed.py"
    _action(client, uri)
    begun = client.generations_at_rest()
    client.arrived.clear()
    request = client.request(
        "workspace/executeCommand", {"command": COMMAND, "arguments": [{"uri": uri, "line": 1}]}
    )
    token = client.wait_for(lambda m: _kind(m) == "begin")[1]["params"]["token"]
    client.notify("window/workDoneProgress/cancel", {"token": token})

    assert client.answer(request)["error"]["code"] == -32800
    assert client.generations_at_rest() - begun < 13
    assert client.all_of("workspace/applyEdit") == []


def _kind(message: Message) -> str:
    if message.get("method") != "$/progress":
        return ""
    return str(message["params"]["value"]["kind"])
