"""Lines that a checker complains of, written anew by the model: few tries, one after the other.

The prompt is that of the fix task (training/format.py): the diagnostic and the faulty line, then
the file with a hole in its place. A model without the task fills the hole all the same.
"""

import logging
from collections.abc import AsyncIterator
from typing import Final

from inference import CompletionRequest, FixTask, MixlineError, Priority, Sampling
from lsp_server.context.around_cursor import printable
from lsp_server.document import Document, Point
from lsp_server.engine_host import CompletionEngine
from lsp_server.fixes.asking import ask
from lsp_server.fixes.candidate import Candidate, Change, Origin
from lsp_server.fixes.diagnostic import Diagnostic
from lsp_server.fixes.kinds import Kind, kind_of
from lsp_server.fixes.prompt_window import head, tail

_log = logging.getLogger(__name__)
_TRIES: Final = (
    Sampling(),
    Sampling(temperature=0.7, top_p=0.95, seed=1),
    Sampling(temperature=0.9, top_p=0.95, seed=2),
)
_MOST_TOKENS: Final = 96
_MESSAGE_CHARACTERS: Final = 300
_LONGEST_LINE: Final = 400
_TITLE_CHARACTERS: Final = 60
_SYNTAX_CODE: Final = "invalid-syntax"  # what the model is trained to see


async def rewrites(
    engine: CompletionEngine, document: Document, diagnostic: Diagnostic, path: str
) -> AsyncIterator[Candidate]:
    """Yield other texts for the line that is complained of, each once.

    For a syntax error the line above is tried too: parsers often notice a fault one line late.
    """
    rows = [diagnostic.start.line]
    if kind_of(diagnostic) is Kind.SYNTAX and diagnostic.start.line > 0:
        rows.append(diagnostic.start.line - 1)
    for row in rows:
        if row >= len(document.lines):
            continue
        faulty = document.line(row)
        if not faulty.strip() or len(faulty) > _LONGEST_LINE:
            continue
        seen = {faulty}
        for sampling in _TRIES:
            try:
                written = await ask(engine, _request(document, diagnostic, row, path, sampling))
            except MixlineError as error:
                _log.warning("the model could not write a fix: %s", error)
                return
            text = written.text.rstrip()
            if text.strip() and text not in seen:
                seen.add(text)
                yield _candidate(row, faulty, text)


def _request(
    document: Document, diagnostic: Diagnostic, row: int, path: str, sampling: Sampling
) -> CompletionRequest:
    before = "".join(f"{document.line(number)}\n" for number in range(row))
    behind = "".join(f"\n{document.line(number)}" for number in range(row + 1, len(document.lines)))
    code = diagnostic.code
    if kind_of(diagnostic) is Kind.SYNTAX:
        code = _SYNTAX_CODE
    message = " ".join(f"{code} {diagnostic.message[:_MESSAGE_CHARACTERS]}".split())
    return CompletionRequest(
        document=f"{document.uri}#fix",
        path=path,
        prefix=printable(tail(before)),
        suffix=printable(head(behind)),
        fix=FixTask(diagnostic=printable(message), faulty=printable(document.line(row))),
        max_tokens=_MOST_TOKENS,
        sampling=sampling,
        priority=Priority.BACKGROUND,
        workspace_expert=False,  # it would write the faulty line again
    )


def _candidate(row: int, faulty: str, text: str) -> Candidate:
    change = Change(start=Point(row, 0), end=Point(row, len(faulty)), text=text)
    shown = text.strip()
    if len(shown) > _TITLE_CHARACTERS:
        shown = f"{shown[:_TITLE_CHARACTERS]}..."
    return Candidate(title=f"Rewrite as `{shown}`", changes=(change,), origin=Origin.MODEL)
