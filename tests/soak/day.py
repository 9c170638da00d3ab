"""What somebody does all day: opens files, types, takes suggestions, mends, saves, closes.

The files are this project's own sources, copied into a workspace; what is typed is what stands in
them. Every choice comes from one `random.Random`, so a day can be repeated.
"""

import random
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

from tests.fuzz.client_text import ClientText
from tests.lsp_server.conftest import Client, Message, at

LANGUAGES: Final = {".py": "python", ".ts": "typescript", ".lua": "lua", ".cc": "cpp"}
_NAME: Final = re.compile(r"\b[a-z_]{5,}\b")
_EXPECTED: Final = (-32800, -32801, -32803)  # cancelled, content modified, cannot be done
_AT_ONCE: Final = 4  # documents that stay open
_CHANGED: Final = (
    *({"maxTokens": 32}, {"maxTokens": 64}, {"multiLine": "never"}, {"multiLine": "auto"}),
    *({"effort": 0.5}, {"effort": 1}, {"readAhead": False}, {"readAhead": True}),
    *({"temperature": 0.3}, {"temperature": 0}, {"docstringWords": "model"}),
    *({"quickFixes": False}, {"quickFixes": True}, {"docstringWords": "code"}),
)


class Day:
    """One user with one client, whose model is loaded."""

    def __init__(self, client: Client, folder: Path, draw: random.Random) -> None:
        self._client = client
        self._draw = draw
        self._files = sorted(path for path in folder.rglob("*") if path.suffix in LANGUAGES)
        self._open: dict[str, ClientText] = {}
        self.did: Counter[str] = Counter()
        self.answered_ms: list[float] = []  # of ghost text, since the last `forget`
        self.problems: list[str] = []

    def forget(self) -> None:
        """Begin to count anew what was measured."""
        self.answered_ms.clear()
        self._client.arrived.clear()

    def work_on_a_file(self) -> None:
        """Open one, write a part of it again, and do something else; at times close another."""
        path = self._draw.choice(self._files)
        uri = path.as_uri()
        if uri not in self._open:
            self._open[uri] = ClientText(path.read_text("utf-8"), 1, "utf-16")
            self._client.open(uri, self._open[uri].text, LANGUAGES[path.suffix])
            self.did["opened"] += 1
        self._write_again(uri)
        kinds = (self._break_a_name, self._ask_for_a_docstring, self._configure)
        self._draw.choices((*kinds, self._save), (3, 3, 1, 2))[0](uri)
        while len(self._open) > _AT_ONCE:
            self.close(self._draw.choice([*self._open]))
        # What has come is dealt with; a list of it all would be the client's own leak.
        self._client.arrived.clear()

    def close(self, uri: str) -> None:
        """Close a document without saving it: the next one begins with what is on the disk."""
        del self._open[uri]
        self._client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
        self.did["closed"] += 1

    def rest(self) -> None:
        """Do nothing until the server has nothing to do either."""
        self._client.generations_at_rest()

    def kv_bytes(self) -> int:
        """Return what the server holds of keys and values."""
        return int(self._client.status()["engine"]["kv_bytes"])

    def end(self) -> None:
        """Close everything."""
        for uri in [*self._open]:
            self.close(uri)

    def _write_again(self, uri: str) -> None:
        """Cut some lines out and type them, a few characters at a time."""
        text = self._open[uri]
        lines = text.lines()
        line = self._draw.randrange(len(lines))
        last = min(line + self._draw.randrange(3), len(lines) - 1)
        column = self._draw.randrange(len(lines[line]) + 1)
        whole = "\n".join(lines[line : last + 1])[column:]
        start = (line, text.num_units(line) - _units(lines[line][column:]))
        self._edit(uri, start, (last, text.num_units(last)), "")
        while whole:
            typed = whole[: self._draw.choice((1, 1, 1, 1, 2, 4))]
            whole = whole[len(typed) :]
            self._edit(uri, start, start, typed)
            start = _behind(start, typed)
            self.did["keys"] += 1
            item = self._ask(uri, start, wait=self._draw.random() < 0.3)
            if item is not None and self._draw.random() < 0.3:
                self._accept(uri, item)
                return

    def _ask(self, uri: str, place: tuple[int, int], *, wait: bool) -> Message | None:
        """Ask for ghost text; sometimes type on before the answer, sometimes withdraw it."""
        asked = time.perf_counter()
        request = self._client.ask_inline(uri, *place, invoked=self._draw.random() < 0.1)
        self.did["asked"] += 1
        if not wait:
            if self._draw.random() < 0.1:
                self._client.notify("$/cancelRequest", {"id": request})
            return None
        came, message = self._client.arrival(request)
        self.answered_ms.append(1e3 * (came - asked))
        result = self._result(message, "ghost text")
        return result["items"][0] if result and result["items"] else None

    def _accept(self, uri: str, item: Message) -> None:
        start, end = item["range"]["start"], item["range"]["end"]
        span = (start["line"], start["character"]), (end["line"], end["character"])
        self._edit(uri, *span, item["insertText"])
        if "command" in item:
            command = {key: item["command"].get(key) for key in ("command", "arguments")}
            self._request("workspace/executeCommand", command)
        self.did["accepted"] += 1

    def _break_a_name(self, uri: str) -> None:
        """Misspell a name, ask for a fix, take it if there is one, put the name right if not."""
        text = self._open[uri]
        lines = text.lines()
        places = [(n, found) for n, line in enumerate(lines) for found in _NAME.finditer(line)]
        if not places:
            return
        line, found = self._draw.choice(places)
        column = _units(lines[line][: found.start()])
        start, end = (line, column), (line, column + len(found[0]))
        wrong = found[0][:-2] + found[0][-1] + found[0][-2]
        self._edit(uri, start, end, wrong)
        span = {"start": at(*start), "end": at(*end)}
        diagnostic = {"range": span, "message": f"Undefined name `{wrong}`", "severity": 1}
        diagnostic |= {"code": "F821", "source": "Ruff"}
        edit = self._first_edit(uri, span, [diagnostic])
        self.did["fixes taken" if edit else "fixes not found"] += 1
        if not edit:
            self._edit(uri, start, end, found[0])

    def _ask_for_a_docstring(self, uri: str) -> None:
        """Ask at a function; take what is offered."""
        lines = self._open[uri].lines()
        heads = [n for n, line in enumerate(lines) if line.lstrip().startswith(("def ", "export"))]
        if not heads:
            return
        place = at(self._draw.choice(heads), 0)
        if self._first_edit(uri, {"start": place, "end": place}, []):
            self.did["docstrings"] += 1

    def _first_edit(self, uri: str, span: Message, given: list[Message]) -> bool:
        """Open the menu and take the first entry that edits; tell whether one did."""
        params = {
            "textDocument": {"uri": uri},
            "range": span,
            "context": {"diagnostics": given},
        }
        self.did["menus"] += 1
        for action in self._request("textDocument/codeAction", params) or ():
            resolved = action
            if "edit" not in action:
                resolved = self._request("codeAction/resolve", action) or {}
            for change in resolved.get("edit", {}).get("documentChanges", ()):
                for edit in sorted(change["edits"], key=_place_of, reverse=True):
                    start, end = edit["range"]["start"], edit["range"]["end"]
                    self._edit(
                        uri,
                        (start["line"], start["character"]),
                        (end["line"], end["character"]),
                        edit["newText"],
                    )
                return True
        return False

    def _configure(self, _: str) -> None:
        settings = {"mixline": self._draw.choice(_CHANGED)}
        self._client.notify("workspace/didChangeConfiguration", {"settings": settings})
        self.did["settings"] += 1

    def _save(self, uri: str) -> None:
        """Tell of a save and of a change on the disk; the file itself stays as it was."""
        self._client.notify("textDocument/didSave", {"textDocument": {"uri": uri}})
        changes = [{"uri": uri, "type": 2}]
        self._client.notify("workspace/didChangeWatchedFiles", {"changes": changes})
        self.did["saved"] += 1

    def _edit(self, uri: str, start: tuple[int, int], end: tuple[int, int], new: str) -> None:
        text = self._open[uri]
        text.replace(start, end, new)
        text.version += 1
        self._client.notify(
            "textDocument/didChange",
            {
                "textDocument": {"uri": uri, "version": text.version},
                "contentChanges": [{"range": {"start": at(*start), "end": at(*end)}, "text": new}],
            },
        )

    def _request(self, method: str, params: object) -> Any:
        return self._result(self._client.answer(self._client.request(method, params)), method)

    def _result(self, message: Message, what: str) -> Any:
        error = message.get("error")
        if error is not None and error["code"] not in _EXPECTED:
            self.problems.append(f"{what}: {error}")
        return message.get("result")


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _behind(start: tuple[int, int], typed: str) -> tuple[int, int]:
    """Return where the cursor stands behind typed text."""
    lines = typed.count("\n")
    if lines:
        return start[0] + lines, _units(typed.rpartition("\n")[2])
    return start[0], start[1] + _units(typed)


def _place_of(edit: Message) -> tuple[int, int]:
    start = edit["range"]["start"]
    return start["line"], start["character"]
