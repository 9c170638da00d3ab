"""Docstrings over the wire: menu, hint and its fix, ghost text behind quotes; no model needed."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from lsp_server.features.docstring import COMMAND, FIX_KIND, KIND
from tests.lsp_server.conftest import Client, Message, Servers, at

TEXT = 's = "😋"\ndef f(a):\n    return a\n'
CAPABILITIES = {
    "textDocument": {"inlineCompletion": {}, "codeAction": {}},
    "workspace": {"workspaceEdit": {"documentChanges": True}, "applyEdit": True},
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, Path]]:
    """A client of a server without a model, and its workspace."""
    folder = tmp_path_factory.mktemp("docstrings")
    servers = Servers(folder)
    client = servers.stdio(folder / "no-model")
    (folder / "workspace").mkdir()
    client.initialize(rootUri=(folder / "workspace").as_uri(), capabilities=CAPABILITIES)
    yield client, folder / "workspace"
    servers.close()


@pytest.fixture
def client(shared: tuple[Client, Path]) -> Client:
    """The client; each test opens a document of its own."""
    shared[0].arrived.clear()
    return shared[0]


def _menu(client: Client, uri: str, line: int, *only: str) -> list[Message]:
    request = client.request(
        "textDocument/codeAction",
        {
            "textDocument": {"uri": uri},
            "range": {"start": at(line, 0), "end": at(line, 0)},
            "context": {"diagnostics": [], "only": list(only)},
        },
    )
    result: list[Message] = client.answer(request)["result"]
    return result


def _ghost(client: Client, uri: str, line: int, character: int) -> list[Message]:
    request = client.request(
        "textDocument/inlineCompletion",
        {
            "textDocument": {"uri": uri},
            "position": at(line, character),
            "context": {"triggerKind": 2},
        },
    )
    result: list[Message] = client.answer(request)["result"]["items"]
    return result


def test_the_menu_offers_the_docstring_of_the_function_around(
    client: Client, shared: tuple[Client, Path]
) -> None:
    """With its edit, of our kind, in this version; nothing where there is no function."""
    uri = (shared[1] / "menu.py").as_uri()
    client.open(uri, TEXT)
    (action,) = _menu(client, uri, 2, "refactor.rewrite")

    assert action["kind"] == KIND
    (change,) = action["edit"]["documentChanges"]
    assert change["textDocument"] == {"uri": uri, "version": 1}
    assert change["edits"][0]["range"] == {"start": at(1, 9), "end": at(1, 9)}
    assert change["edits"][0]["newText"].startswith('\n    """')
    assert _menu(client, uri, 0, "refactor.rewrite") == []
    assert _menu(client, uri, 2, "refactor.extract") == []


def test_the_menu_and_the_command_write_comments_of_other_languages(
    client: Client, shared: tuple[Client, Path]
) -> None:
    """Above `export`, in UTF-16 columns; nothing where a comment is, or for other languages."""
    uri = (shared[1] / "menu.ts").as_uri()
    client.open(
        uri, "// 😋\nexport function f(a: number) {}\n/** Ours. */\nfunction g() {}\n", "typescript"
    )
    (action,) = _menu(client, uri, 1, "refactor.rewrite")
    (change,) = action["edit"]["documentChanges"][0]["edits"]

    assert action["title"] == "Write the comment of `f`"
    assert change["range"] == {"start": at(1, 0), "end": at(1, 0)}
    assert "\n * @param a - Taken and not used.\n" in change["newText"]
    assert _menu(client, uri, 3, "refactor.rewrite") == []
    request = client.request(
        "workspace/executeCommand", {"command": COMMAND, "arguments": [{"uri": uri, "line": 1}]}
    )
    assert client.answer(request)["result"] == {"style": "tsdoc"}
    ruby = (shared[1] / "m.rb").as_uri()
    client.open(ruby, "def f(a)\nend\n", "ruby")
    assert _menu(client, ruby, 0, "refactor.rewrite") == []


def test_a_client_that_resolves_gets_the_edit_when_it_asks_for_it(tmp_path: Path) -> None:
    """The menu has the title alone; after an edit the action is refused, and says why."""
    resolving = {"codeAction": {"resolveSupport": {"properties": ["edit"]}}}
    uri = (tmp_path / "later.py").as_uri()
    with contextlib.closing(Servers(tmp_path)) as servers:
        client = servers.stdio(tmp_path / "no-model")
        capabilities = {**CAPABILITIES, "textDocument": {"inlineCompletion": {}, **resolving}}
        client.initialize(rootUri=tmp_path.as_uri(), capabilities=capabilities)
        client.open(uri, TEXT)
        (action,) = _menu(client, uri, 2, "refactor.rewrite")
        resolved = client.result("codeAction/resolve", action)
        client.change(uri, 0, 0, 0, "x = 1; ")
        refused = client.answer(client.request("codeAction/resolve", action))

    assert "edit" not in action
    (change,) = resolved["edit"]["documentChanges"]
    assert change["edits"][0]["newText"].startswith('\n    """')
    assert refused["error"]["code"] == -32801
    assert "changed" in refused["error"]["message"]


@pytest.mark.parametrize("closing", ['"""', ""])
def test_ghost_text_behind_opening_quotes(
    client: Client, shared: tuple[Client, Path], closing: str
) -> None:
    """Closed by the editor, whose quotes it takes the place of, or not yet."""
    uri = (shared[1] / f"quotes{len(closing)}.py").as_uri()
    client.open(uri, f'def f(a):\n    """{closing}\n    return a\n\ndef g():\n    """Doc."""\n')
    (item,) = _ghost(client, uri, 1, 7)

    assert item["insertText"].endswith('"""')
    assert "\n    Args:\n        a: Returned as it is.\n" in item["insertText"]
    assert item["range"] == {"start": at(1, 7), "end": at(1, 7 + len(closing))}


def test_a_parameter_renamed_while_editing_is_a_hint_with_a_fix(
    client: Client, shared: tuple[Client, Path]
) -> None:
    """Published as a hint; the fix renames it in the docstring and changes nothing else."""
    uri = (shared[1] / "stale.py").as_uri()
    docstring = '    """Do  it.\n\n    Args:\n        a: First;  odd.\n    """\n'
    client.open(uri, f"def f(a):\n{docstring}    return a\n")
    client.change(uri, 0, 6, 7, "b")
    published = client.notification("textDocument/publishDiagnostics")["params"]
    (hint,) = published["diagnostics"]

    assert published["version"] == client.version
    assert (hint["severity"], hint["source"], hint["code"]) == (4, "mixline", "stale-docstring")
    (action,) = _menu(client, uri, 0, "quickfix")
    assert action["kind"] == FIX_KIND
    (edit,) = action["edit"]["documentChanges"][0]["edits"]
    assert edit["newText"] == docstring.strip().replace("a: First", "b: First")


def test_the_command_applies_a_docstring(client: Client, shared: tuple[Client, Path]) -> None:
    """After all checks; wrong arguments are answered with an error."""
    uri = (shared[1] / "command.py").as_uri()
    client.open(uri, TEXT)
    wrong = client.request(
        "workspace/executeCommand", {"command": COMMAND, "arguments": [{"uri": uri}]}
    )
    assert "error" in client.answer(wrong)
    request = client.request(
        "workspace/executeCommand", {"command": COMMAND, "arguments": [{"uri": uri, "line": 1}]}
    )
    answer = client.answer(request)["result"]
    asked = client.notification("workspace/applyEdit")["params"]["edit"]

    assert answer == {"style": "google"}
    assert asked["documentChanges"][0]["textDocument"] == {"uri": uri, "version": 1}
