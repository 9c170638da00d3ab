"""Quick fixes over the wire: a real server, the real ruff, no model needed."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lsp_server.features.code_action import KIND, LOOK
from tests.lsp_server.conftest import TIMEOUT_S, Client, Message, Servers, at
from tests.lsp_server.fixes.checkers.test_process import wait_gone, wait_written

TEXT = 'import os\nimport re\n\ns = "😋"; re.compile(s)\n'
CAPABILITIES = {
    "textDocument": {
        "inlineCompletion": {},
        "codeAction": {
            "resolveSupport": {"properties": ["edit"]},
            "tagSupport": {"valueSet": [1]},
            "dataSupport": True,
        },
    },
    "workspace": {"workspaceEdit": {"documentChanges": True}},
    "window": {"workDoneProgress": True},
}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "ruff.toml").write_text('lint.select = ["E4", "E7", "E9", "F"]\n')
    return folder


@pytest.fixture
def client(servers: Servers, workspace: Path, tmp_path: Path) -> Client:
    """A client of a server that has no model: fixes do not need one."""
    made = servers.stdio(tmp_path / "no-model")
    made.initialize(rootUri=workspace.as_uri(), capabilities=CAPABILITIES)
    return made


def diagnostic(line: int, start: int, end: int, code: str, message: str, source: str) -> Message:
    span = {"start": at(line, start), "end": at(line, end)}
    return {"range": span, "code": code, "message": message, "source": source, "severity": 2}


UNUSED = diagnostic(0, 7, 9, "F401", "`os` imported but unused", "Ruff")


def menu(client: Client, uri: str, line: int, *given: Message, **context: object) -> list[Message]:
    request = client.request(
        "textDocument/codeAction",
        {
            "textDocument": {"uri": uri},
            "range": {"start": at(line, 0), "end": at(line, 0)},
            "context": {"diagnostics": list(given), **context},
        },
    )
    result: list[Message] = client.answer(request)["result"]
    return result


def wait_for_menu(client: Client, uri: str, line: int, *given: Message) -> list[Message]:
    """Ask until no search is under way any more."""
    end = time.monotonic() + TIMEOUT_S
    found = menu(client, uri, line, *given)
    while found and found[-1]["title"] == LOOK:
        assert time.monotonic() < end
        time.sleep(0.02)
        found = menu(client, uri, line, *given)
    return found


def wait_ahead(client: Client, uri: str, line: int) -> list[Message]:
    """Ask, without naming a diagnostic, until there is something."""
    end = time.monotonic() + TIMEOUT_S
    while not (found := menu(client, uri, line)) or found[-1]["title"] == LOOK:
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def said(client: Client) -> list[str]:
    """Return what the user was told of fixes; a missing model is another matter."""
    messages = [one["params"]["message"] for one in client.all_of("window/showMessage")]
    return [message for message in messages if "found no fix" in message]


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Return every file and folder with its times: anything written would show."""
    return {
        str(path): (path.stat().st_mtime_ns, path.stat().st_ino)
        for path in (folder, *folder.rglob("*"))
    }


def test_a_fix_is_in_the_menu_before_anybody_asked(client: Client, workspace: Path) -> None:
    """Verified ahead; its title is final, its edit complete, in this version, of our kind."""
    uri = (workspace / "app.py").as_uri()
    client.open(uri, TEXT)
    (action,) = wait_ahead(client, uri, 0)
    (again,) = menu(client, uri, 0, UNUSED)

    assert action["title"] == "Remove unused import: `os` - verified by ruff"
    assert action["kind"] == KIND == "quickfix.mixline"
    assert "isPreferred" not in action
    assert "tags" not in action  # it is the checker's own
    assert action["edit"] == {
        "documentChanges": [
            {
                "textDocument": {"uri": uri, "version": 1},
                "edits": [{"range": {"start": at(0, 0), "end": at(1, 0)}, "newText": ""}],
            }
        ]
    }
    assert again["diagnostics"] == [UNUSED]
    assert again["edit"] == action["edit"]


def test_capabilities(client: Client) -> None:
    """Our kind only, with resolve."""
    (answer,) = [message for _, message in client.arrived if "capabilities" in message["result"]]

    assert answer["result"]["capabilities"]["codeActionProvider"] == {
        "codeActionKinds": ["quickfix.mixline"],
        "resolveProvider": True,
    }


def test_resolve_awaits_the_search(client: Client, workspace: Path) -> None:
    """The action that stands while a search runs has its edit once it is resolved."""
    uri = (workspace / "app.py").as_uri()
    client.open(uri, TEXT)
    action = menu(client, uri, 0, UNUSED)[-1]
    resolved = client.result("codeAction/resolve", action)

    assert action["title"] == LOOK
    assert "edit" not in action
    assert resolved["edit"]["documentChanges"][0]["edits"][0]["newText"] == ""
    assert [one["title"] for one in menu(client, uri, 0, UNUSED)] == [
        "Remove unused import: `os` - verified by ruff"
    ]


def test_nothing_found_is_said_once_and_not_offered_again(client: Client, workspace: Path) -> None:
    """An unknown fault: one message, then silence in this version."""
    uri = (workspace / "app.py").as_uri()
    client.open(uri, TEXT)
    odd = diagnostic(3, 0, 1, "Z999", "it is Tuesday <|fim_middle|>", "calendar")
    action = menu(client, uri, 3, odd)[-1]
    resolved = client.result("codeAction/resolve", action)
    (shown,) = said(client)

    assert action["title"] == LOOK
    assert action["tags"] == [1]
    assert "edit" not in resolved
    assert shown.endswith("it is Tuesday <|fim_middle|>")
    assert menu(client, uri, 3, odd) == []
    assert len(said(client)) == 1


def test_an_edit_ends_what_was_known(client: Client, workspace: Path) -> None:
    """The next version starts anew, and an action of the old one cannot be resolved."""
    uri = (workspace / "app.py").as_uri()
    client.open(uri, TEXT)
    wait_ahead(client, uri, 0)
    odd = diagnostic(1, 0, 1, "Z999", "odd", "calendar")
    old = menu(client, uri, 1, odd)[-1]
    client.change(uri, 0, 7, 9, "sys")
    answer = client.answer(client.request("codeAction/resolve", old))
    (action,) = wait_ahead(client, uri, 0)

    assert answer["error"]["code"] == -32801
    assert action["title"] == "Remove unused import: `sys` - verified by ruff"
    assert action["edit"]["documentChanges"][0]["textDocument"]["version"] == 2


def test_only_what_is_asked_for(client: Client, workspace: Path) -> None:
    """Kinds are a hierarchy; `source.*` never brings any of ours."""
    uri = (workspace / "app.py").as_uri()
    client.open(uri, TEXT)
    kinds = [
        *("quickfix", "quickfix.mixline", "", "refactor"),
        *("quickfix.mixline.other", "quick", "source.fixAll"),
    ]
    answered = [kind for kind in kinds if menu(client, uri, 0, UNUSED, only=[kind])]

    assert answered == ["quickfix", "quickfix.mixline", ""]


def test_secrets_and_the_setting(servers: Servers, workspace: Path, tmp_path: Path) -> None:
    """Neither in a file on the secrets list nor where fixes are switched off."""
    client = servers.stdio(tmp_path / "no-model")
    client.initialize(
        rootUri=workspace.as_uri(),
        capabilities=CAPABILITIES,
        initializationOptions={"settings": {"quickFixes": False}},
    )
    uri = (workspace / "app.py").as_uri()
    client.open(uri, TEXT)
    other = servers.stdio(tmp_path / "no-model")
    other.initialize(rootUri=workspace.as_uri(), capabilities=CAPABILITIES)
    secret = (workspace / ".env").as_uri()
    other.open(secret, TEXT)

    assert menu(client, uri, 0, UNUSED) == []
    assert menu(other, secret, 0, UNUSED) == []


def test_the_workspace_sees_nothing(client: Client, workspace: Path) -> None:
    """Its files, unsaved text beside them, and not one file or folder that was made or touched."""
    path = workspace / "app.py"
    path.write_text("saved = 1\n")
    before = listing(workspace)
    for number in range(20):
        client.open(path.as_uri(), f"{TEXT}# {number}\n")
        action = menu(client, path.as_uri(), 0, UNUSED)[-1]
        resolved = client.result("codeAction/resolve", action)
        assert resolved["edit"]

    assert listing(workspace) == before


def fake_ruff(folder: Path, body: str) -> Path:
    """A program of the name that stands first on PATH."""
    folder.mkdir()
    program = folder / "ruff"
    program.write_text(f"#!{sys.executable} -IS\nimport os, sys, time\n{body}\n")
    program.chmod(0o755)
    return folder


@pytest.fixture
def with_ruff(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, servers: Servers, workspace: Path
) -> Callable[[str], Client]:
    """Start a server on whose PATH another ruff comes first."""

    def start(body: str) -> Client:
        folder = fake_ruff(tmp_path / "bin", body)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        client = servers.stdio(tmp_path / "no-model")
        client.initialize(rootUri=workspace.as_uri(), capabilities=CAPABILITIES)
        return client

    return start


def test_a_cancelled_resolve_ends_the_checker(
    with_ruff: Callable[[str], Client], workspace: Path, tmp_path: Path
) -> None:
    """The request is answered, and the process is gone."""
    pid_file = tmp_path / "pid"
    client = with_ruff(f"open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(600)")
    uri = (workspace / "app.py").as_uri()
    client.open(uri, TEXT)
    request = client.request("codeAction/resolve", menu(client, uri, 0, UNUSED)[-1])
    pid = wait_written(pid_file)
    client.notify("$/cancelRequest", {"id": request})
    answer = client.answer(request)

    assert answer["error"]["code"] == -32800
    wait_gone(pid)


@pytest.mark.parametrize(
    "body",
    [
        "sys.exit(9)",
        "os.kill(os.getpid(), 11)",
        "while True: os.write(1, b'x' * 65536)",
        "print('[{}]')",
    ],
)
def test_a_bad_checker_harms_nothing(
    body: str, with_ruff: Callable[[str], Client], servers: Servers, workspace: Path
) -> None:
    """The server lives on; nothing is verified by it; the log says so in one line a run."""
    client = with_ruff(body)
    uri = (workspace / "app.py").as_uri()
    client.open(uri, "def f(config):\n    return confg\n")
    named = diagnostic(1, 11, 16, "F821", "Undefined name `confg`", "Ruff")
    actions = wait_for_menu(client, uri, 1, named)

    assert all("verified" not in action["title"] for action in actions)
    assert "no fix counts as verified by this run" in servers.processes[-1].stderr()
    assert "confg" not in servers.processes[-1].stderr()
    assert "Traceback" not in servers.processes[-1].stderr()


def test_a_message_of_100_kb(client: Client, workspace: Path) -> None:
    """It is answered like any other, and what is shown of it is short."""
    uri = (workspace / "app.py").as_uri()
    client.open(uri, TEXT)
    huge = diagnostic(3, 0, 1, "Z999", "`$(reboot)` " * 9_000, "<|fim_prefix|>")
    client.result("codeAction/resolve", menu(client, uri, 3, huge)[-1])
    (shown,) = said(client)

    assert len(shown) < 200


def test_diagnostics_outside_of_the_document(client: Client, workspace: Path) -> None:
    """Places that do not exist are nobody's."""
    uri = (workspace / "app.py").as_uri()
    client.open(uri, TEXT)
    far = diagnostic(2**31 - 1, 2**31 - 1, 2**31 - 1, "F401", "x", "Ruff")

    assert menu(client, "file:///nowhere.py", 0, UNUSED) == []
    assert isinstance(menu(client, uri, 99, far), list)


def test_the_server_ends_while_it_searches(
    client: Client, servers: Servers, workspace: Path
) -> None:
    """A search does not keep it."""
    uri = (workspace / "app.py").as_uri()
    client.open(uri, TEXT)
    menu(client, uri, 0, UNUSED)
    client.shut_down()

    assert servers.processes[0].process.wait(TIMEOUT_S) == 0
