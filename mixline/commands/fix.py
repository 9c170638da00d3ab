"""Show what checkers complain of in a file, with the fixes that they agree with."""

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixline.edited_file import difference, write_document
from mixline.location import read_source
from mixline.usage import EXIT_OK

if TYPE_CHECKING:
    from inference import Engine
    from lsp_server.document import Document
    from lsp_server.fixes.whole_file import Fixed

# The folder around a file that holds one of these is its workspace, the innermost with the first.
_MARKS = (".git", "pyproject.toml", "setup.cfg", "setup.py", "package.json", "go.mod", "Cargo.toml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the file and what to do with the fixes."""
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.add_argument("--model", metavar="DIR", type=Path, help="model directory")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--apply",
        action="store_true",
        help="write the verified fixes into the file, one after the other; with --json, edits "
        "count from the text that the fix before has left",
    )


def run(arguments: argparse.Namespace) -> int:
    """Check, search, print or write."""
    file: Path = arguments.file
    text = read_source(file)
    engine = LazyEngine(arguments.model)
    try:
        before, after, found = asyncio.run(
            _fix(file.absolute(), text, engine, apply=arguments.apply)
        )
    finally:
        engine.close()
    if arguments.apply and found:
        write_document(file, after)
    if arguments.json:
        print(json.dumps({"fixes": [plain_fix(one) for one in found]}, ensure_ascii=False))
        return EXIT_OK
    for one in found:
        place = one.diagnostic.start
        print(
            f"{file}:{place.line + 1}:{place.column + 1}: {one.diagnostic.source} "
            f"{one.diagnostic.code} {' '.join(one.diagnostic.message.split())}\n  {one.fix.title}"
        )
        if not arguments.apply:
            print(difference(file, one.document, one.fix.edited), end="")
    if arguments.apply:
        print(difference(file, before, after), end="")
    print(_summary(found, applied=arguments.apply))
    return EXIT_OK


async def _fix(
    path: Path, text: str, engine: "LazyEngine", *, apply: bool
) -> "tuple[Document, Document, list[Fixed]]":
    from lsp_server.context.admission import resolved
    from lsp_server.document import Document
    from lsp_server.fixes.checkers.checker import CheckedFile
    from lsp_server.fixes.checkers.programs import Surroundings
    from lsp_server.fixes.toolbox import Toolbox
    from lsp_server.fixes.whole_file import WholeFile
    from lsp_server.syntax.grammars import identifier_of
    from lsp_server.trust import TrustList

    folder = resolved(workspace_of(path))
    document = Document.of_text(
        uri=path.as_uri(), version=1, language=identifier_of(path.as_posix()), text=text
    )
    around = Surroundings(folder=folder, workspace=(folder,), trusted=TrustList().trusts(folder))
    toolbox = Toolbox(engine)
    try:
        whole = WholeFile(toolbox, CheckedFile(document=document, path=path, folder=folder), around)
        if apply:
            after, done = await whole.apply(document)
            return document, after, done
        return document, document, [one async for one in whole.fixes(document)]
    finally:
        await toolbox.end()


class LazyEngine:
    """Opens the model once a diagnostic needs it; fixes are found without one too."""

    def __init__(self, model: Path | None) -> None:
        self._model = model
        self._engine: Engine | None = None
        self._tried = False

    def __call__(self) -> "Engine | None":
        """Return the engine, None if the model cannot be opened."""
        from inference import Engine, MixlineError, default_model

        if not self._tried:
            self._tried = True
            try:
                self._engine = Engine.open(self._model or default_model())
            except MixlineError as error:
                print(f"mixline: going on without a model: {error}", file=sys.stderr)
        return self._engine

    def close(self) -> None:
        """Release the model."""
        if self._engine is not None:
            self._engine.close()


def workspace_of(file: Path) -> Path:
    """Return the folder that a file belongs to; its own where nothing marks one."""
    for mark in _MARKS:
        for folder in file.parents:
            if (folder / mark).exists():
                return folder
    return file.parent


def _summary(found: "list[Fixed]", *, applied: bool) -> str:
    from lsp_server.fixes.verification import Verdict

    verified = sum(one.fix.verdict is Verdict.VERIFIED for one in found)
    if applied:
        return f"{verified} fixes written"
    if not found:
        return "no fixes"
    hint = "; --apply writes them" if verified else ""
    return f"{verified} verified fixes{hint}; {len(found) - verified} that only parse"


def plain_fix(one: "Fixed") -> dict[str, Any]:
    """Return the JSON object of one fix; positions are LSP's, in utf-16."""
    from lsp_server.fixes.lsp_edits import lsp_diagnostic, text_edits
    from lsp_server.positions import PositionEncoding
    from lsp_server.protocol import converter

    unstructure = converter().unstructure
    utf16 = PositionEncoding.UTF16
    edits = text_edits(one.document, one.fix.candidate, utf16)
    return {
        "diagnostic": unstructure(lsp_diagnostic(one.document, one.diagnostic, utf16)),
        "title": one.fix.title,
        "edits": [unstructure(edit) for edit in edits],
        "verified_by": one.fix.by or None,
        "source": one.fix.candidate.origin.value,
    }
