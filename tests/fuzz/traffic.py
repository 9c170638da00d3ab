"""What a client might send: right, wrong, out of order; and what its documents are by then.

Every choice comes from one `random.Random`, which a seed or hypothesis drives. A message that is
wrong is either sure to be refused as a whole, or is about a document that is not compared.
"""

import json
import random
from collections.abc import Callable
from typing import Any, Final

from tests.fuzz.client_text import ClientText

Message = dict[str, Any]
LANGUAGES: Final = ("python", "python", "typescript", "go", "rust", "plaintext", "x", "json")
SUFFIXES: Final = {"python": "py", "typescript": "ts", "go": "go", "rust": "rs", "json": "json"}
PIECES: Final = (
    *("x", "(", ")", "\n", "    ", "def f(a, b):\n", "    return a + b\n", "import os\n", ".", '"'),
    *(
        "\r\n",
        "\r",
        "\t",
        "",
        '"""',
        "class A:\n    def b(self):\n        self.",
        "#",
        "'",
        "{",
        "}",
    ),
    *(
        "\U0001f60b",
        "\u00e9",
        "\ud83d",
        "\ude0b",
        "\0",
        "\x0c",
        "\x85",
        "\u2028",
        "\u202e",
        "\u200b",
    ),
    *("<|fim_prefix|>", "<|endoftext|>", "<|file_sep|>", "\ufeff", "\x1b[31m", "e\u0301" * 3),
    *("func main() {\n", "const x = [1, 2, 3];\n", "[" * 60, "if a:\n" * 3, "a" * 300, "=" * 8),
)
JUNK: Final = (
    *(None, True, False, 0, -1, 1, 2**31 - 1, 2**31, 2**53, -(2**63), 1e308, -0.5, 10**30),
    *("", "x", "\ud800", "\0", "file:///", "file://%", "untitled:1", "../../etc/passwd", "1"),
    *([], {}, [[]], {"": {}}, [None], {"line": 0}, {"uri": "file:///wild/x.py"}, "a" * 5000),
)
BROKEN: Final = (
    *(b"", b"{", b"[]", b"17", b"null", b'"x"', b"{}", b"\xff\xfe", b"[" * 2000, b'{"a":' * 2000),
    *(b'{"jsonrpc": "2.0"}', b'{"jsonrpc": "2.0", "method": 3}', b'{"jsonrpc": "2.0", "id": true}'),
    *(
        b'{"jsonrpc": "2.0", "id": {}, "method": "mixline/status"}',
        b'{"jsonrpc": "2.0", "id": 1e9}',
    ),
    *(b'{"jsonrpc": "2.0", "id": 77, "result": null}', b'{"jsonrpc": "2.0", "id": 78, "error": 1}'),
    *(b'{"jsonrpc": "2.0", "id": "79", "error": {"code": "x"}}', b'{"jsonrpc": "2.0", "id": NaN}'),
)
SETTINGS: Final = {
    "enable": (True, True, True, False),
    "temperature": (0, 0.5, 1),
    "maxTokens": (1, 8, 64),
    "multiLine": ("auto", "never"),
    "minimumConfidence": (0, 0.5, 1),
    "afterlifeMs": (0, 100, 4000),
    "answerWithinMs": (20, 450),
    "readAhead": (True, False),
    "history": (True, False),
    "quickFixes": (True, False),
    "docstringWords": ("code", "model"),
    "docstringUnsure": ("phrase", "placeholder"),
    "disabledLanguages": ([], ["go"]),
    "secretsExtra": ([], ["*.rs"]),
    "effort": (1, 0.5, "p0.8"),
}
WILD: Final = ("file:///wild/x.py", "untitled:wild", "file:///wild/.env", "x", "file:///%00", "")


class Traffic:
    """One client's messages and documents.

    Args:
        draw: where every choice comes from.
        folder: URI of the workspace folder.
        encoding: utf-8, utf-16 or utf-32.
    """

    def __init__(self, draw: random.Random, folder: str, encoding: str) -> None:
        self.draw = draw
        self.documents: dict[str, ClientText] = {}
        self.asked: dict[int, str] = {}  # request -> method
        self.entries: dict[int, str] = {}  # request -> the entry that a suggestion continues
        self._folder = folder
        self._encoding = encoding
        self._last_id = 0
        self._kinds: dict[Callable[[], Message | bytes], int] = {
            self.change: 120,
            self.inline: 24,
            self.cancel: 18,
            self.open: 12,
            self.close: 8,
            self.refused_change: 6,
            self.mutated: 20,
            self.broken: 6,
            self.configure: 4,
            self.code_action: 8,
            self.command: 4,
            self.small_request: 6,
            self.notebook: 4,
            self.watched: 4,
            self.complete: 1,
        }

    def next(self) -> Message | bytes:
        """Return some message, or a body that is none."""
        (kind,) = self.draw.choices([*self._kinds], [*self._kinds.values()])
        return kind()

    def open(self) -> Message:
        """Open a document; one that is open already is begun anew."""
        language = self.draw.choice(LANGUAGES)
        suffix = SUFFIXES.get(language, "txt")
        uri = f"{self._folder}/{self.draw.choice('abcd')}.{suffix}"
        version = self.draw.choice((0, 1, 1, 1, 7, 2**31 - 1, -5))
        text = self._text(20)
        self.documents[uri] = ClientText(text, version, self._encoding)
        item = {"uri": uri, "languageId": language, "version": version, "text": text}
        return notification("textDocument/didOpen", {"textDocument": item})

    def close(self) -> Message:
        """Close a document."""
        uri = self._some_uri()
        self.documents.pop(uri, None)
        return notification("textDocument/didClose", {"textDocument": {"uri": uri}})

    def change(self) -> Message:
        """Edit a document, or one that is not open."""
        uri = self._some_uri()
        known = self.documents.get(uri)
        version = 1 if known is None else min(known.version + 1, 2**31 - 1)
        if self.draw.random() < 0.05:
            version = self.draw.choice((0, 2**31 - 1, -1, 3))  # wrong, and no reason to lose text
        changes: list[Message] = []
        for _ in range(self.draw.choice((1, 1, 1, 1, 2, 4))):
            text = self._text(self.draw.choice((1, 1, 1, 3)))
            if self.draw.random() < 0.04:
                changes.append({"text": text})
                if known is not None:
                    known.text = ClientText(text, 0, self._encoding).text
                continue
            start, end = self._span(known)
            changes.append({"range": {"start": _at(start), "end": _at(end)}, "text": text})
            if known is not None:
                known.replace(start, end, text)
        if known is not None:
            known.version = version
            if len(known.text) > 4000:
                changes.append({"text": ""})
                known.text = ""
        document = {"uri": uri, "version": version}
        params = {"textDocument": document, "contentChanges": changes}
        return notification("textDocument/didChange", params)

    def refused_change(self) -> Message:
        """Edit an open document in a way that no server may follow."""
        zero = {"line": 0, "character": 0}
        right = {"range": {"start": zero, "end": zero}, "text": "right"}
        wrong: Any = self.draw.choice(
            (
                {"range": {"start": zero}, "text": "x"},
                {"range": {"start": zero, "end": {"line": "z", "character": 0}}, "text": "x"},
                {"range": {"start": zero, "end": {"line": 0}}, "text": "x"},
                {"range": {"start": {"line": -1, "character": 0}, "end": zero}, "text": "x"},
                {"range": {"start": zero, "end": {"line": 0, "character": 2**31}}, "text": "x"},
                {"range": {"start": zero, "end": zero}},
                {"range": [], "text": "x"},
                {},
                "x",
                None,
            )
        )
        changes = [right, wrong] if self.draw.random() < 0.5 else [wrong]
        document = {"uri": self._some_uri(), "version": 3}
        params = {"textDocument": document, "contentChanges": changes}
        return notification("textDocument/didChange", params)

    def inline(self) -> Message:
        """Ask for ghost text."""
        uri = self._some_uri()
        params = {
            "textDocument": {"uri": uri},
            "position": _at(self._place(self.documents.get(uri))),
            "context": {"triggerKind": self.draw.choice((1, 2, 2))},
        }
        if self.draw.random() < 0.1:
            start, end = self._span(self.documents.get(uri))
            span = {"start": _at(start), "end": _at(end)}
            entry = self._text(2)
            params["context"]["selectedCompletionInfo"] = {"range": span, "text": entry}
            self.entries[self._last_id + 1] = entry
        return self.request("textDocument/inlineCompletion", params)

    def complete(self) -> Message:
        """Ask as a script does."""
        uri = self._some_uri()
        position = _at(self._place(self.documents.get(uri)))
        params = {"textDocument": {"uri": uri}, "position": position, "maxTokens": 2}
        return self.request("mixline/complete", params)

    def code_action(self) -> Message:
        """Ask for the menu, or resolve an entry that there may never have been."""
        uri = self._some_uri()
        start, end = self._span(self.documents.get(uri))
        span = {"start": _at(start), "end": _at(end)}
        if self.draw.random() < 0.3:
            data = {
                "uri": uri,
                "version": self.draw.choice((1, 2, 3)),
                self.draw.choice(("search", "docstring")): self.draw.choice((0, 1, 5, 10**9, -1)),
            }
            return self.request("codeAction/resolve", {"title": "x", "data": data})
        given = [{"range": span, "message": self._text(1), "severity": 1, "code": "F821"}]
        context = {"diagnostics": given if self.draw.random() < 0.5 else []}
        params = {"textDocument": {"uri": uri}, "range": span, "context": context}
        return self.request("textDocument/codeAction", params)

    def command(self) -> Message:
        """Run one of the server's commands, or another."""
        name = self.draw.choice(("mixline.accepted", "mixline.docstring", "mixline.none", ""))
        some = [self.draw.choice(("1", "x", 3, self._some_uri(), None)) for _ in range(2)]
        return self.request("workspace/executeCommand", {"command": name, "arguments": some})

    def small_request(self) -> Message:
        """Ask what needs no parameters, also what nobody offers."""
        method = self.draw.choice(
            ("mixline/status", "mixline/stats", "textDocument/completion", "nobody/knows")
        )
        return self.request(method, {})

    def cancel(self) -> Message:
        """Withdraw a request, answered or not, or one that was never sent."""
        known = self._last_id - self.draw.choice((0, 0, 0, 1, 2, 9))
        wanted = self.draw.choice((known, known, known, known, -1, "x", 10**12))
        return notification("$/cancelRequest", {"id": wanted})

    def configure(self) -> Message:
        """Change settings, sometimes to nonsense."""
        name = self.draw.choice([*SETTINGS])
        value = self.draw.choice(SETTINGS[name] if self.draw.random() < 0.8 else JUNK)
        settings: object = {"mixline": {name: value}}
        if self.draw.random() < 0.1:
            settings = self.draw.choice(JUNK)
        return notification("workspace/didChangeConfiguration", {"settings": settings})

    def notebook(self) -> Message:
        """Open, change or close a notebook, whose cells are not compared."""
        uri = f"{self._folder}/n.ipynb"
        cells = [f"{uri}#{self.draw.randrange(4)}" for _ in range(self.draw.randrange(4))]
        items = [
            {"uri": cell, "languageId": "python", "version": 1, "text": self._text(3)}
            for cell in cells
        ]
        kinds = [{"kind": 2, "document": cell} for cell in cells]
        document = {"uri": uri, "notebookType": "jupyter-notebook", "version": 1}
        if (chosen := self.draw.random()) < 0.4:
            params = {"notebookDocument": document | {"cells": kinds}, "cellTextDocuments": items}
            return notification("notebookDocument/didOpen", params)
        if chosen < 0.6:
            closed = [{"uri": cell} for cell in cells]
            params = {"notebookDocument": {"uri": uri}, "cellTextDocuments": closed}
            return notification("notebookDocument/didClose", params)
        start, deleted = self.draw.choice((0, 1, 9)), self.draw.choice((0, 1, 2**31 - 1))
        array = {"start": start, "deleteCount": deleted, "cells": kinds}
        change = {"cells": {"structure": {"array": array, "didOpen": items}}}
        params = {"notebookDocument": {"uri": uri, "version": 2}, "change": change}
        return notification("notebookDocument/didChange", params)

    def watched(self) -> Message:
        """Tell of files, folders and saves."""
        uri = self._some_uri()
        if (chosen := self.draw.random()) < 0.4:
            return notification("textDocument/didSave", {"textDocument": {"uri": uri}})
        if chosen < 0.8:
            changes = [{"uri": uri, "type": self.draw.choice((1, 2, 3))}]
            return notification("workspace/didChangeWatchedFiles", {"changes": changes})
        event: Message = {"added": [], "removed": []}
        folder = {"uri": self.draw.choice((*WILD, self._folder)), "name": "x"}
        event[self.draw.choice(("added", "added", "removed"))] = [folder]
        return notification("workspace/didChangeWorkspaceFolders", {"event": event})

    def mutated(self) -> Message:
        """Return a message with something missing or of another kind, about no document of ours."""
        makers = (self.inline, self.code_action, self.complete, self.configure, self.watched)
        known, self.documents = self.documents, {}
        try:
            more = (self.change, self.open, self.close, self.notebook, self.command, self.cancel)
            message = self.draw.choice(makers + more)()
        finally:
            self.documents = known
        text = json.dumps(message).replace(json.dumps(self._folder)[1:-1], "file:///wild")
        message = json.loads(text)
        places = [*_places(message["params"])]
        if not places:
            return message
        holder, key = self.draw.choice(places)
        if self.draw.random() < 0.3 and isinstance(holder, dict):
            del holder[key]
        else:
            holder[key] = self.draw.choice(JUNK)
        return message

    def broken(self) -> bytes:
        """Return a body that is no message of JSON-RPC."""
        return self.draw.choice(BROKEN)

    def request(self, method: str, params: object) -> Message:
        """Return a request with an id of its own."""
        self._last_id += 1
        self.asked[self._last_id] = method
        return notification(method, params) | {"id": self._last_id}

    def answer(self, message: Message) -> Message:
        """Answer a request of the server's, mostly rightly."""
        result: object = None
        if message["method"] == "workspace/configuration":
            result = [{}]
        if self.draw.random() < 0.3:
            result = self.draw.choice(JUNK)
        answer: Message = {"jsonrpc": "2.0", "id": message["id"]}
        if self.draw.random() < 0.2:
            return answer | {"error": {"code": -32601, "message": "no"}}
        return answer | {"result": result}

    def _some_uri(self) -> str:
        if self.documents and self.draw.random() < 0.95:
            return self.draw.choice([*self.documents])
        return self.draw.choice(WILD)

    def _text(self, most: int) -> str:
        return "".join(self.draw.choice(PIECES) for _ in range(self.draw.randrange(most + 1)))

    def _span(self, known: ClientText | None) -> tuple[tuple[int, int], tuple[int, int]]:
        start = self._place(known)
        if self.draw.random() < 0.6:
            return start, start
        if self.draw.random() < 0.7:
            return start, (start[0], min(start[1] + self.draw.randrange(6), 2**31 - 1))
        return start, self._place(known)  # perhaps before the start

    def _place(self, known: ClientText | None) -> tuple[int, int]:
        if known is None or self.draw.random() < 0.03:
            return self.draw.choice(((0, 0), (0, 99), (10**6, 0), (2**31 - 1, 2**31 - 1)))
        line = self.draw.randrange(len(known.lines()))
        units = known.num_units(line)
        return line, units if self.draw.random() < 0.5 else self.draw.randrange(units + 2)


def notification(method: str, params: object) -> Message:
    """Return a message without an id."""
    return {"jsonrpc": "2.0", "method": method, "params": params}


def _at(place: tuple[int, int]) -> dict[str, int]:
    line, character = place
    return {"line": line, "character": character}


def _places(value: object) -> "list[tuple[Any, Any]]":
    """Return where the parts of a JSON value stand: (what holds it, its key or index)."""
    found: list[tuple[Any, Any]] = []
    entries = value.items() if isinstance(value, dict) else ()
    entries = enumerate(value) if isinstance(value, list) else entries
    for key, item in entries:
        found += [(value, key), *_places(item)]
    return found
