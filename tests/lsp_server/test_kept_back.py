"""What is kept back is in no prompt and no index: everything that the engine is given is looked at.

The real server with the real model, in this process, so that what stands between them is heard.
"""

import asyncio
import os
import random
import time
from pathlib import Path
from typing import Any, Final

import pytest

from inference import CompletionRequest, Engine
from inference.engine import Generation
from tests.fuzz.hosted import Hosted, Session
from tests.fuzz.traffic import Message, Traffic, notification
from tests.lsp_server.conftest import TIMEOUT_S

CANARY: Final = "canary_of_quetzalcoatl"
SEEN: Final = "wombat_of_the_workspace"
DEFINED: Final = "def {0}(path):\n    {0}_value = {0}_other(path)\n    return {0}_value\n"
MAIN: Final = (
    "from seen import wombat_of_the_workspace\n\n\n"
    "def load(path):\n    return wombat_of_the_workspace(path)\n\n\n"
    "def use(path):\n    value = wombat_of_the_workspace(pth)\n    "
)
HIDDEN: Final = (".env", "ignored.py", "link.py", "../outside.py", "id_rsa", "build/made.py")


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A workspace with something to see, and much that is not to be seen."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / ".gitignore").write_text("ignored.py\nbuild/\n")
    (folder / "seen.py").write_text(DEFINED.format(SEEN))
    (folder / "build").mkdir()
    for name in HIDDEN:
        if name != "link.py":
            (folder / name).write_text(DEFINED.format(CANARY))
    (folder / "link.py").symlink_to(folder / "../outside.py")
    (folder / "main.py").write_text(MAIN)
    return folder


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[CompletionRequest]:
    """Every request that an engine is given from now on."""
    heard: list[CompletionRequest] = []
    submit = Engine.submit

    def listening(self: Engine, request: CompletionRequest) -> Generation:
        heard.append(request)
        return submit(self, request)

    monkeypatch.setattr(Engine, "submit", listening)
    return heard


def uri_of(work: Path, name: str) -> str:
    """Return a file's address; links stay what they are."""
    return Path(os.path.normpath(work / name)).as_uri()


def indexed(request: CompletionRequest) -> str:
    """Return all of the index that a request may look into."""
    view = request.workspace
    return "" if view is None else "".join(part.text[::-1].decode() for part in view.segments)


def all_of(request: CompletionRequest) -> str:
    """Return everything that a request shows or lets the model see."""
    return repr(request) + repr(request.candidates) + indexed(request)


def quoted(given: list[CompletionRequest]) -> bool:
    """Tell whether another file was quoted."""
    return any(SEEN in snippet.text for request in given for snippet in request.snippets)


async def edit_everything(session: Session, work: Path, given: list[CompletionRequest]) -> None:
    """Open and edit what is kept back, then complete, fix and describe what is not."""
    traffic = session.traffic

    async def ask(method: str, params: object) -> Any:
        message = traffic.request(method, params)
        session.send(message)
        await session.settle()
        return session._answers[message["id"]]

    async def inline(uri: str, text: str) -> None:
        place = {"line": text.count("\n"), "character": len(text.rpartition("\n")[2])}
        params: Message = {"textDocument": {"uri": uri}, "position": place}
        await ask("textDocument/inlineCompletion", params | {"context": {"triggerKind": 1}})
        await ask("mixline/complete", params | {"maxTokens": 4})

    def open_file(name: str, text: str) -> str:
        uri = uri_of(work, name)
        item = {"uri": uri, "languageId": "python", "version": 1, "text": text}
        session.send(notification("textDocument/didOpen", {"textDocument": item}))
        return uri

    settings = {"mixline": {"otherFiles": "always", "docstringWords": "model", "history": True}}
    session.send(notification("workspace/didChangeConfiguration", {"settings": settings}))
    for name in HIDDEN:
        text = DEFINED.format(CANARY) + f"\n{CANARY}_again = "
        uri = open_file(name, text)
        end = {"line": text.count("\n"), "character": len(text.rpartition("\n")[2])}
        change = {"range": {"start": end, "end": end}, "text": f"{CANARY}_typed\n"}
        document = {"uri": uri, "version": 2}
        params = {"textDocument": document, "contentChanges": [change]}
        session.send(notification("textDocument/didChange", params))
        session.send(notification("textDocument/didSave", {"textDocument": {"uri": uri}}))
        await inline(uri, text)
    while (await ask("mixline/status", {}))["result"]["workspace"]["files"] < 2:
        await session.breathe(0.01)
    uri = open_file("main.py", MAIN)
    await inline(uri, MAIN)
    deadline = time.monotonic() + TIMEOUT_S
    while not quoted(given) and time.monotonic() < deadline:  # other files are quoted at a rest
        await session.breathe(0.01)
    await inline(uri, MAIN[: MAIN.index("(path)\n\n")])
    wrong = MAIN[: MAIN.index("pth")].count("\n")
    span = {"start": {"line": wrong, "character": 36}, "end": {"line": wrong, "character": 39}}
    fault = {"range": span, "message": "Undefined name `pth`", "code": "F821", "severity": 1}
    load = {"line": 3, "character": 4}
    for there, known in ((span, [fault | {"source": "Ruff"}]), ({"start": load, "end": load}, [])):
        params = {"textDocument": {"uri": uri}, "range": there, "context": {"diagnostics": known}}
        for action in (await ask("textDocument/codeAction", params))["result"]:
            if "edit" not in action:
                await ask("codeAction/resolve", action)


def test_nothing_of_it_reaches_the_model_for_another_document(
    work: Path, shipped_model: Path, given: list[CompletionRequest]
) -> None:
    """Ghost text, fixes and docstrings with quotations of all that may be quoted."""
    hosted = Hosted(shipped_model)

    async def play() -> list[str]:
        # With this seed the client sends its settings, and is not asked for them.
        traffic = Traffic(random.Random(2), work.as_uri(), "utf-16")  # noqa: S311 - seeded
        session = Session(hosted, traffic, "utf-16", work.as_uri())
        await edit_everything(session, work, given)
        await session.end()
        return session.problems

    try:
        problems = asyncio.run(play())
    finally:
        hosted.close()
    own = tuple(uri_of(work, name) for name in HIDDEN)
    others = [request for request in given if not request.document.startswith(own)]

    assert problems == []
    assert [request for request in others if CANARY in all_of(request)] == []
    assert quoted(others)
    assert any(SEEN in indexed(request) for request in others)
    assert any(request.docstring for request in others)
    secret = tuple(uri_of(work, name) for name in (".env", "id_rsa"))
    assert [request for request in given if request.document.startswith(secret)] == []
