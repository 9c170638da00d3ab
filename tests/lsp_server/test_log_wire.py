"""The log of a server that completes, fixes and describes: of what stands in files, nothing."""

from pathlib import Path
from typing import Any, Final

CANARY: Final = "quetzalcoatl"
TEXT: Final = (
    f'import {CANARY}_unused\n\n\ndef {CANARY}_load(path: str, {CANARY}_mode: str = "r") -> str:\n'
    f'    """Return what stands in a {CANARY}_file.\n\n    Args:\n        {CANARY}_gone: a path.\n'
    f'    """\n    return {CANARY}_lod(path, "\\d{CANARY}")\n\n\n'
    f"def {CANARY}_use(path):\n    return {CANARY}_load(pth)\n"
)
BROKEN: Final = f"def {CANARY}_broken(:\n    '{CANARY}\n\\\n\0{CANARY}\n"


def test_nothing_of_a_document_is_logged(servers: Any, shipped_model: Path, tmp_path: Path) -> None:
    """Nor of its name, of what the client says of it, or of what is suggested there."""
    work = tmp_path / f"{CANARY}_folder"
    work.mkdir()
    (work / f"{CANARY}_other.py").write_text(TEXT)
    client = servers.stdio(shipped_model)
    resolve = {"codeAction": {"resolveSupport": {"properties": ["edit"]}}, "inlineCompletion": {}}
    settings = {"history": True, "docstringWords": "model", "otherFiles": "always"}
    client.initialize(
        rootUri=work.as_uri(),
        capabilities={"textDocument": resolve},
        initializationOptions={"settings": settings, "trusted": True},
    )
    client.wait_ready()
    for name, language, text in (
        ("main.py", "python", TEXT),
        ("broken.py", "python", BROKEN),
        ("main.ts", "typescript", f"const {CANARY} = {{a: 1}};\n{CANARY}.b(\n"),
        (f"{CANARY}.py", "python", TEXT.replace("\n", "\r\n")),
    ):
        uri = (work / name).as_uri()
        client.open(uri, text, language)
        last = text.count("\n")
        client.inline(uri, last, 0, invoked=True)
        client.result("mixline/complete", {"textDocument": {"uri": uri}, **at(last)})
        for line in range(0, last, 3):
            span = {"start": at(line)["position"], "end": at(line)["position"]}
            wrong = {"range": span, "message": f"Undefined name `{CANARY}_lod`", "code": "F821"}
            context = {"diagnostics": [wrong | {"source": "Ruff", "severity": 1}]}
            params = {"textDocument": {"uri": uri}, "range": span, "context": context}
            for action in client.result("textDocument/codeAction", params):
                if "edit" not in action:
                    client.answer(client.request("codeAction/resolve", action))
        command = {"command": "mixline.docstring", "arguments": [{"uri": uri, "line": CANARY}]}
        client.answer(client.request("workspace/executeCommand", command))
        client.notify("textDocument/didSave", {"textDocument": {"uri": uri}})
        client.change(uri, 0, 0, 0, f"{CANARY} ")
    client.generations_at_rest()
    client.shut_down()
    assert servers.processes[0].process.wait(120) == 0
    log = servers.processes[0].stderr()

    assert log.count("textDocument/inlineCompletion invoked: ") == 4
    assert CANARY not in log.lower()
    assert "Traceback" not in log


def at(line: int) -> dict[str, dict[str, int]]:
    """Return the beginning of a line as a request's position."""
    return {"position": {"line": line, "character": 0}}
