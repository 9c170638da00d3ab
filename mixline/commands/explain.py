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
    from lsp_server.fixes.stack_trace import Frame, Trace
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
    from lsp_server.fixes.stack_trace import inside, paragraph, read_trace

    file: Path | None = arguments.file
    text = sys.stdin.read(_MOST_CHARACTERS) if file is None else read_source(file)
    trace = read_trace(text)
    if trace is None:
        raise UsageError(
            "expected a stack trace of Python or JavaScript, found none; paste it whole, with the"
            " line that names the error"
        )
    folder = workspace_of(Path.cwd().resolve() / "trace")
    own = inside(trace, folder)
    said = paragraph(trace, own, folder)
    found: list[Fixed] = []
    if own:
        engine = LazyEngine(arguments.model)
        try:
            found = asyncio.run(_fixes(trace, own[-1], folder, engine))
        finally:
            engine.close()
    if arguments.json:
        frames = [
            {"path": str(one.path), "line": one.line + 1, "function": one.function} for one in own
        ]
        report: dict[str, Any] = {
            "error": trace.error,
            "message": trace.message,
            "explanation": said,
            "frames": frames,
            "fixes": [plain_fix(one) for one in found],
        }
        print(json.dumps(report, ensure_ascii=False))
        return EXIT_OK
    print(said)
    for one in found:
        print(f"\n{one.fix.title}")
        print(difference(own[-1].path, one.document, one.fix.edited), end="")
    if own and not found:
        print("\nno verified fix for this line")
    return EXIT_OK


async def _fixes(trace: "Trace", frame: "Frame", folder: Path, engine: LazyEngine) -> "list[Fixed]":
    """Return fixes for what checkers say of the line; else for what the error itself says."""
    from lsp_server.document import Document
    from lsp_server.fixes.checkers.checker import CheckedFile
    from lsp_server.fixes.checkers.programs import Surroundings
    from lsp_server.fixes.stack_trace import complaint
    from lsp_server.fixes.toolbox import Toolbox
    from lsp_server.fixes.whole_file import WholeFile
    from lsp_server.syntax.grammars import grammar_name
    from lsp_server.trust import TrustList

    document = Document.of_text(
        uri=frame.path.as_uri(),
        version=1,
        language=grammar_name("", frame.path.as_posix()) or "",
        text=read_source(frame.path),
    )
    around = Surroundings(folder=folder, workspace=(folder,), trusted=TrustList().trusts(folder))
    toolbox = Toolbox(engine)
    try:
        file = CheckedFile(document=document, path=frame.path, folder=folder)
        whole = WholeFile(toolbox, file, around)
        return await whole.fixes_at(document, frame.line, complaint(trace, frame, document))
    finally:
        toolbox.close()
