"""Write the docstring of the function or class at a line, or all that a folder lacks.

A docstring that is there and describes parameters that are not is brought up to date instead.
"""

import argparse
import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixline.edited_file import difference, write_document
from mixline.location import parse_line_location, read_source
from mixline.usage import EXIT_FAILED, EXIT_OK, UsageError

if TYPE_CHECKING:
    from inference import Engine
    from lsp_server.docstrings.content import Style
    from lsp_server.docstrings.filling import Model
    from lsp_server.docstrings.linters import Linters
    from lsp_server.docstrings.proposal import Proposal
    from lsp_server.document import Document

STYLES = ("auto", "google", "numpy", "sphinx")
_MAX_BYTES = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the place, the style and what to do with the result."""
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument(
        "location", metavar="FILE:LINE", nargs="?", type=parse_line_location, help="counted from 1"
    )
    place.add_argument(
        "--missing", metavar="DIR", type=Path, help="all public definitions that have none"
    )
    parser.add_argument(
        "--style", choices=STYLES, default="auto", help="default: as the file and the project do"
    )
    parser.add_argument(
        "--words",
        choices=("code", "model"),
        default="code",
        help="who describes: plain phrases made from the code, or the model where it is sure",
    )
    parser.add_argument("--model", metavar="DIR", type=Path, help="model directory")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--apply", action="store_true", help="write it into the file")


def run(arguments: argparse.Namespace) -> int:
    """Write, check, print."""
    from lsp_server.docstrings.content import Style

    style = None if arguments.style == "auto" else Style(arguments.style)
    with _engine(arguments) as engine:
        if arguments.missing is not None:
            return _run_missing(arguments, style, engine)
        return _run_one(arguments, style, engine)


@contextmanager
def _engine(arguments: argparse.Namespace) -> "Iterator[Engine | None]":
    """Open the model if it is to write."""
    if arguments.words == "code":
        yield None
        return
    from inference import Engine, default_model

    with Engine.open(arguments.model or default_model()) as engine:
        yield engine


def _run_one(arguments: argparse.Namespace, style: "Style | None", engine: "Engine | None") -> int:
    file, line = arguments.location
    document = _document(file)
    if not 1 <= line <= len(document.lines):
        raise UsageError(
            f"expected a line from 1 to {len(document.lines)} in {str(file)!r}, got {line}"
        )
    proposal = asyncio.run(_propose_at(file, document, line, style, engine))
    changed = _applied(document, [proposal])
    if arguments.apply:
        write_document(file, changed)
    if arguments.json:
        print(json.dumps(_plain(document, proposal), ensure_ascii=False))
    else:
        print(difference(file, document, changed), end="")
    return EXIT_OK


async def _propose_at(
    file: Path,
    document: "Document",
    line: int,
    style: "Style | None",
    engine: "Engine | None",
) -> "Proposal":
    from lsp_server.docstrings.project_habits import read_project_habits
    from lsp_server.docstrings.proposal import bring_up_to_date, definition_at, facts_of, propose

    module = facts_of(document)
    facts = definition_at(document, module, line - 1)
    project, linters = read_project_habits(file), _linters()
    if facts.span.docstring is not None:
        return await bring_up_to_date(document, module, facts, project, linters)
    model = _model(engine, file)
    return await propose(document, module, facts, project, linters, style, model)


def _run_missing(
    arguments: argparse.Namespace, style: "Style | None", engine: "Engine | None"
) -> int:
    from evaluation.progress import Progress
    from lsp_server.docstrings.languages import suffixes_described
    from mixline.workspace_files import workspace_files

    folder: Path = arguments.missing
    if not folder.is_dir():
        raise UsageError(f"expected a folder, got {str(folder)!r}")
    files = [path for path, _ in workspace_files(folder, suffixes_described(), _MAX_BYTES)]
    found: list[dict[str, Any]] = []
    problems: list[str] = []
    with Progress("docstrings", max(1, len(files))) as progress:
        for path in files:
            file = folder / path
            document = _document(file)
            proposals, refused = asyncio.run(
                _propose_missing(file, document, style, _model(engine, Path(path)))
            )
            problems += refused
            if proposals and arguments.apply:
                write_document(file, _applied(document, proposals))
            found += [{"file": path, **_plain(document, one)} for one in proposals]
            progress.advance()
    if arguments.json:
        print(json.dumps({"docstrings": found, "problems": problems}, ensure_ascii=False))
    else:
        for one in found:
            print(f"{one['file']}:{one['line']}: {one['name']}: {one['summary']}")
        done = "written" if arguments.apply else "to write; --apply writes them"
        print(f"{len(found)} docstrings {done}")
        for problem in problems:
            print(problem)
    return EXIT_FAILED if problems else EXIT_OK


async def _propose_missing(
    file: Path, document: "Document", style: "Style | None", model: "Model | None"
) -> "tuple[list[Proposal], list[str]]":
    from lsp_server.docstrings.drafting import DocstringError
    from lsp_server.docstrings.project_habits import read_project_habits
    from lsp_server.docstrings.proposal import facts_of, missing, propose

    # pydoclint takes half a second each time, which is too long for a whole package.
    linters = replace(_linters(), has_pydoclint=False)
    project = read_project_habits(file)
    proposals, problems = [], []
    module = facts_of(document)
    for facts in missing(document, module):
        try:
            proposals.append(await propose(document, module, facts, project, linters, style, model))
        except DocstringError as error:
            problems.append(f"{file}: {error}")
    return proposals, problems


def _model(engine: "Engine | None", path: Path) -> "Model | None":
    from lsp_server.docstrings.filling import Model

    return None if engine is None else Model(engine=engine, path=path.as_posix())


def _linters() -> "Linters":
    from lsp_server.docstrings.linters import Linters
    from lsp_server.fixes.checkers.programs import Surroundings

    return Linters.find(Surroundings(folder=None, workspace=(Path.cwd(),), trusted=False))


def _document(file: Path) -> "Document":
    from lsp_server.document import Document

    return Document.of_text(
        uri=file.absolute().as_uri(), version=0, language="", text=read_source(file)
    )


def _applied(document: "Document", proposals: "Sequence[Proposal]") -> "Document":
    from lsp_server.fixes.candidate import Candidate, Origin, apply

    changes = tuple(proposal.change for proposal in proposals)
    return apply(document, Candidate(title="", changes=changes, origin=Origin.ENUMERATED))


def _plain(document: "Document", proposal: "Proposal") -> dict[str, Any]:
    """Return the JSON object of one docstring."""
    from lsp_server.positions import PositionEncoding, units_of_index

    def position(line: int, column: int) -> dict[str, int]:
        units = units_of_index(document.line(line), column, PositionEncoding.UTF16)
        return {"line": line, "character": units}

    change = proposal.change
    return {
        "name": proposal.facts.name,
        "line": proposal.facts.span.name.line + 1,
        "summary": _summary(change.text),
        "text": change.text,
        "style": proposal.style.value,
        "range": {"start": position(*change.start), "end": position(*change.end)},
        "checks": asdict(proposal.checks),
    }


def _summary(text: str) -> str:
    """Return the first line of a docstring or comment."""
    line = text.strip().lstrip("rR").strip("\"'/*! \n\t").split("\n")[0]
    return line.removeprefix("@brief ").removeprefix("\\brief ")
