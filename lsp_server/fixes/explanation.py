"""What a stack trace says of a workspace: its frames there, one paragraph, fixes for the line."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lsp_server.document import Document
from lsp_server.fixes.checkers.checker import CheckedFile
from lsp_server.fixes.checkers.programs import Surroundings
from lsp_server.fixes.stack_trace import Frame, Trace, complaint, inside, paragraph, read_trace
from lsp_server.fixes.toolbox import Toolbox
from lsp_server.fixes.whole_file import Fixed, WholeFile
from lsp_server.syntax.grammars import identifier_of

_MOST_BYTES: Final = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One error, as far as it concerns a workspace."""

    trace: Trace
    frames: tuple[Frame, ...]  # in the workspace, links resolved; the innermost last
    text: str  # one paragraph

    @property
    def failing(self) -> Frame | None:
        """The call of the workspace that failed, None if there is none."""
        return self.frames[-1] if self.frames else None


def explain(text: str, folders: Sequence[Path]) -> Explanation | None:
    """Explain the last error in a text, None if that holds no stack trace.

    Args:
        text: the trace, whatever stands around it.
        folders: of the workspace, links resolved; at least one. The one with most frames counts.
    """
    trace = read_trace(text)
    if trace is None:
        return None
    folder, frames = max(
        ((folder, inside(trace, folder)) for folder in folders), key=lambda found: len(found[1])
    )
    return Explanation(trace=trace, frames=tuple(frames), text=paragraph(trace, frames, folder))


async def fixes_for(
    explanation: Explanation, file: CheckedFile, toolbox: Toolbox, around: Surroundings
) -> list[Fixed]:
    """Return fixes for what checkers say of the line that failed; else for what the error says.

    Args:
        explanation: of a trace with frames in the workspace.
        file: the one that failed.
        toolbox: finds the checkers.
        around: which of them may run.
    """
    failing, document = explanation.failing, file.document
    if failing is None:
        return []
    said = complaint(explanation.trace, failing, document)
    return await WholeFile(toolbox, file, around).fixes_at(document, failing.line, said)


def document_at(path: Path) -> Document | None:
    """Return what a file holds, None if it cannot be read as text."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        text = data.decode("utf-8-sig")
    except (OSError, ValueError):
        return None
    if len(data) > _MOST_BYTES:
        return None
    language = identifier_of(path.as_posix())
    return Document.of_text(uri=path.as_uri(), version=0, language=language, text=text)
