"""Say what failed in a stack trace, and show verified fixes for the line where it did."""

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixline.commands.fix import LazyEngine, plain_fix, workspace_of
from mixline.edited_file import difference
from mixline.location import read_source
from mixline.usage import EXIT_OK, UsageError

if TYPE_CHECKING:
    from lsp_server.fixes.explanation import Explanation
    from lsp_server.fixes.whole_file import Fixed

_MOST_CHARACTERS = 4_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where the trace comes from."""
    parser.add_argument(
        "file", metavar="FILE", type=Path, nargs="?", help="with the trace; default: stdin"
    )
    parser.add_argument("--model", metavar="DIR", type=Path, help="model directory")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Read, explain, search, print."""
    from lsp_server.fixes.explanation import explain

    file: Path | None = arguments.file
    text = sys.stdin.read(_MOST_CHARACTERS) if file is None else read_source(file)
    folder = workspace_of(Path.cwd().resolve() / "trace")
    explanation = explain(text, [folder])
    if explanation is None:
        raise UsageError(
            "expected a stack trace of Python or JavaScript, found none; paste it whole, with the"
            " line that names the error"
        )
    found: list[Fixed] = []
    if explanation.failing is not None:
        engine = LazyEngine(arguments.model)
        try:
            found = asyncio.run(_fixes(explanation, folder, engine))
        finally:
            engine.close()
    if arguments.json:
        frames = [
            {"path": str(one.path), "line": one.line + 1, "function": one.function}
            for one in explanation.frames
        ]
        report: dict[str, Any] = {
            "error": explanation.trace.error,
            "message": explanation.trace.message,
            "explanation": explanation.text,
            "frames": frames,
            "fixes": [plain_fix(one) for one in found],
        }
        print(json.dumps(report, ensure_ascii=False))
        return EXIT_OK
    print(explanation.text)
    if explanation.failing is None:
        return EXIT_OK
    for one in found:
        print(f"\n{one.fix.title}")
        print(difference(explanation.failing.path, one.document, one.fix.edited), end="")
    if not found:
        print("\nno verified fix for this line")
    return EXIT_OK


async def _fixes(explanation: "Explanation", folder: Path, engine: LazyEngine) -> "list[Fixed]":
    from lsp_server.fixes.checkers.checker import CheckedFile
    from lsp_server.fixes.checkers.programs import Surroundings
    from lsp_server.fixes.explanation import document_at, fixes_for
    from lsp_server.fixes.toolbox import Toolbox
    from lsp_server.trust import TrustList

    failing = explanation.failing
    document = None if failing is None else document_at(failing.path)
    if failing is None or document is None:
        return []
    around = Surroundings(folder=folder, workspace=(folder,), trusted=TrustList().trusts(folder))
    toolbox = Toolbox(engine)
    try:
        file = CheckedFile(document=document, path=failing.path, folder=folder)
        return await fixes_for(explanation, file, toolbox, around)
    finally:
        await toolbox.end()
