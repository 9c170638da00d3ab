"""The command that explains a stack trace, over the wire: a real server and the real ruff."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lsp_server.features.explain import COMMAND
from tests.lsp_server.conftest import Client, Message, Servers
from tests.lsp_server.fixes.test_fixes_wire import CAPABILITIES, make_workspace

TEXT = "def price(total):\n    return totl * 2\n"
TRACE = """\
12:00 something before
Traceback (most recent call last):
  File "/elsewhere/run.py", line 9, in <module>
    price(3)
  File "{folder}/.venv/lib/python3.11/site-packages/shop.py", line 1, in call
    return function()
  File "{folder}/app.py", line 2, in price
    return totl * 2
NameError: name 'totl' is not defined
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, Path]]:
    """A client of a server without a model, and its workspace."""
    folder = tmp_path_factory.mktemp("explain")
    servers = Servers(folder)
    client = servers.stdio(folder / "no-model")
    workspace = make_workspace(folder)
    installed = workspace / ".venv" / "lib" / "python3.11" / "site-packages"
    installed.mkdir(parents=True)
    (installed / "shop.py").write_text("")
    (workspace / "app.py").write_text(TEXT)
    client.initialize(rootUri=workspace.as_uri(), capabilities=CAPABILITIES)
    yield client, workspace
    servers.close()


def run(client: Client, *arguments: object) -> Message:
    request = client.request(
        "workspace/executeCommand", {"command": COMMAND, "arguments": list(arguments)}
    )
    return client.answer(request)


def explained(shared: tuple[Client, Path]) -> Message:
    client, workspace = shared
    trace = TRACE.replace("{folder}", str(workspace))
    result: Message = run(client, {"trace": trace})["result"]
    return result


def test_a_file_that_nobody_has_open(shared: tuple[Client, Path]) -> None:
    """The paragraph, the workspace's own frame, and an edit of the file as it is on disk."""
    told = explained(shared)
    uri = (shared[1] / "app.py").as_uri()
    (fix,) = told["fixes"]
    (change,) = fix["edit"]["documentChanges"]

    assert told["explanation"].startswith(
        "NameError: name 'totl' is not defined, at line 2 of app.py in price."
    )
    assert told["frames"] == [{"uri": uri, "line": 1, "function": "price"}]
    assert fix["title"] == "Rename to `total` - verified by ruff"
    assert fix["verifiedBy"] == "ruff"
    assert change["textDocument"] == {"uri": uri, "version": None}
    assert change["edits"][0]["newText"] == "total"


def test_what_the_editor_has_counts(shared: tuple[Client, Path]) -> None:
    """An unsaved buffer is checked in place of its file, and the edit is for its version."""
    client, workspace = shared
    uri = (workspace / "app.py").as_uri()
    client.open(uri, "def price(amount, totla):\n    return totl * 2\n")
    told = explained(shared)
    client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    first = told["fixes"][0]

    assert first["title"] == "Rename to `totla` - verified by ruff"
    assert first["edit"]["documentChanges"][0]["textDocument"] == {"uri": uri, "version": 1}


def test_a_text_without_a_trace_is_answered_with_nothing(shared: tuple[Client, Path]) -> None:
    """So that a client can look elsewhere."""
    assert run(shared[0], {"trace": "nothing here\n"})["result"] is None


def test_a_trace_from_elsewhere_has_no_fixes(shared: tuple[Client, Path]) -> None:
    """It is explained all the same."""
    told = run(shared[0], {"trace": TRACE.replace("{folder}", "/elsewhere")})["result"]

    assert "None of its 3 frames" in told["explanation"]
    assert (told["frames"], told["fixes"]) == ([], [])


def test_a_secret_is_not_checked(shared: tuple[Client, Path]) -> None:
    """Its frame is named, and nothing of it is read."""
    client, workspace = shared
    (workspace / "credentials.json").write_text("{")
    trace = TRACE.replace("{folder}/app.py", f"{workspace}/credentials.json")
    told = run(client, {"trace": trace.replace("{folder}", str(workspace))})["result"]

    assert len(told["frames"]) == 1
    assert told["fixes"] == []


@pytest.mark.parametrize("arguments", [[], [{}], [{"trace": 3}], ["trace"], [{}, {}]])
def test_wrong_arguments_are_refused(shared: tuple[Client, Path], arguments: list[object]) -> None:
    """With what was expected."""
    answer = run(shared[0], *arguments)

    assert "expected one object with trace" in answer["error"]["message"]
