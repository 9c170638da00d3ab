"""The server of TypeScript up to 6, kept warm: it gets texts and is asked what is wrong.

Its protocol is its own (`ts.server.protocol` in typescript/lib/typescript.d.ts): a JSON object a
line to it, LSP's framing back; lines and columns count from 1, columns in utf-16 units. The
synchronous questions are used, whose answers belong to exactly the text that was sent.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from lsp_server.document import Document
from lsp_server.fixes.checkers.server_process import LanguageServerError, ServerProcess
from lsp_server.fixes.checkers.ts_fixes import question
from lsp_server.fixes.diagnostic import Diagnostic

OPTIONS: Final = ("--disableAutomaticTypingAcquisition", "--suppressDiagnosticEvents")
"""It would fetch the types of packages that have none."""

_QUESTIONS: Final = ("syntacticDiagnosticsSync", "semanticDiagnosticsSync")
_KINDS: Final = {
    "typescript": "TS",
    "typescriptreact": "TSX",
    "javascript": "JS",
    "javascriptreact": "JSX",
}
_SEVERITIES: Final = {"error": 1, "warning": 2, "message": 3, "suggestion": 4}  # LSP's


class TsServer:
    """One server for one folder; `check` may be called again after any error.

    Args:
        program: tsserver's absolute path.
        folder: of the workspace.
        variables: all of its environment.
    """

    def __init__(self, program: Path, folder: Path, variables: Mapping[str, str]) -> None:
        self._folder = folder
        self._process = ServerProcess((str(program), *OPTIONS), variables, self._receive)
        self._open: dict[Path, Document] = {}

    async def check(
        self, path: Path, document: Document, others: Mapping[Path, Document], limit_s: float
    ) -> list[Mapping[str, Any]]:
        """Return what the server says of a text, as LSP diagnostics in utf-16.

        Args:
            path: where the text stands, or would.
            document: the text.
            others: open buffers that count in place of their files.
            limit_s: for all of it, the start of the server included.

        Raises:
            LanguageServerError: as those of `LanguageClient.check`.
        """
        async with self._process.turn(limit_s) as is_new:
            if is_new:
                self._open.clear()
            self._tell({**others, path: document})
            found = [await self._ask(name, {"file": str(path)}) for name in _QUESTIONS]
        return [_diagnostic(row) for rows in found for row in rows]

    async def fixes(
        self,
        path: Path,
        document: Document,
        others: Mapping[Path, Document],
        diagnostic: Diagnostic,
        limit_s: float,
    ) -> Sequence[Any]:
        """Return the fixes that the server knows for a complaint of its own, as it tells them.

        Args:
            path: as for `check`, like `document`, `others` and `limit_s`.
            document: the text.
            others: open buffers.
            diagnostic: in that text.
            limit_s: for all of it.

        Raises:
            LanguageServerError: as those of `LanguageClient.check`.
        """
        async with self._process.turn(limit_s) as is_new:
            if is_new:
                self._open.clear()
            self._tell({**others, path: document})
            return await self._ask("getCodeFixes", question(path, document, diagnostic))

    def close(self) -> None:
        """End the server with all that it has started."""
        self._process.close()

    async def wait_closed(self) -> None:
        """Wait until the servers that were ended are gone."""
        await self._process.wait_closed()

    def _tell(self, wanted: Mapping[Path, Document]) -> None:
        """Let the server see exactly these texts."""
        for path in self._open.keys() - wanted.keys():
            del self._open[path]
            self._send(0, "close", {"file": str(path)})
        for path, text in wanted.items():
            known = self._open.get(path)
            if known is not None and known.lines == text.lines:
                continue
            self._open[path] = text
            arguments = {
                "file": str(path),
                "fileContent": "".join(text.lines).encode("utf-8", "replace").decode(),
                "scriptKindName": _KINDS[text.language],
                "projectRootPath": str(self._folder),
            }
            self._send(0, "open", arguments)

    async def _ask(self, command: str, arguments: Mapping[str, object]) -> Sequence[Any]:
        answer = await self._process.ask(lambda number: self._send(number, command, arguments))
        if not isinstance(answer, list):
            raise LanguageServerError("it does not say what is wrong when it is asked")
        return answer

    def _send(self, number: int, command: str, arguments: Mapping[str, object]) -> None:
        message = {"seq": number, "type": "request", "command": command, "arguments": arguments}
        self._process.send(json.dumps(message).encode() + b"\n")

    def _receive(self, message: dict[str, Any]) -> None:
        if message["type"] != "response":
            return  # an event: what it does in the background
        refused = LanguageServerError("it refuses to answer")
        outcome = message.get("body", []) if message["success"] else refused
        self._process.settle(message["request_seq"], outcome)


def _diagnostic(row: Mapping[str, Any]) -> Mapping[str, Any]:
    start, end = row["start"], row["end"]
    return {
        "range": {
            "start": {"line": start["line"] - 1, "character": start["offset"] - 1},
            "end": {"line": end["line"] - 1, "character": end["offset"] - 1},
        },
        "code": row["code"],
        "message": row["text"],
        "severity": _SEVERITIES[row["category"]],
    }
