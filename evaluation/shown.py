"""What would be shown at one place while typing, its confidence, and whether it is right.

The whole way to ghost text is gone: completion, overlap, syntax, confidence. Where the language
server would ask for several lines it is asked for those too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from evaluation.faults import find_faults
from evaluation.next_line import request
from evaluation.positions import Position
from inference import CompletionRequest, Engine
from lsp_server.context.multi_line import wants_several_lines
from lsp_server.document import Document, Point
from lsp_server.postprocess.confidence import confidence, doubted
from lsp_server.postprocess.doubt import Doubt
from lsp_server.postprocess.judge import Gate, judge
from lsp_server.postprocess.overlap import Insertion
from lsp_server.postprocess.reject import RejectReason
from lsp_server.settings import Settings
from lsp_server.syntax.guard import SyntaxGuard
from lsp_server.syntax.parsing import SyntaxTrees
from lsp_server.syntax.place import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What would be shown at one place without a gate; all empty where nothing would."""

    visible: int  # characters that are no blanks
    confidence: float
    right: bool
    doubt: float = 0.0  # its share in the confidence, in log-odds
    kind: str = Kind.CODE.value  # what stands at the cursor
    faults: Sequence[str] = ()  # names of `Fault`
    several_lines: int = 0  # shown at the default threshold, where several were asked for
    several_faults: Sequence[str] = ()


def shown_at(
    engine: Engine, position: Position, trees: SyntaxTrees, markers: Sequence[str] = ()
) -> Shown:
    """Return what an automatic request would show at a place if every confidence sufficed.

    Raises:
        MixlineError: the model failed.
    """
    asked = request(position, position.others(), workspace_expert=True)
    completion = engine.submit(asked).future.result()
    document = Document.of_text(
        uri=f"file:///{position.repository.name}/{position.file.path}",
        version=0,
        language="python",
        text=position.before + position.after,
    )
    cursor = Point(position.line, position.column)
    syntax = SyntaxGuard(trees, document, cursor, position.file.path)
    lines, several = 0, tuple[str, ...]()
    if wants_several_lines(asked.prefix, asked.suffix) and syntax.kind is Kind.CODE:
        lines, several = _several(engine, asked, position, syntax, markers)
    outcome = _judge(completion.text, asked, syntax)
    if not isinstance(outcome, Insertion):
        return Shown(
            visible=0,
            confidence=0.0,
            right=False,
            kind=syntax.kind.value,
            several_lines=lines,
            several_faults=several,
        )
    sure = confidence(completion, 0, len(completion.text))
    doubt = Doubt(asked.prefix, asked.suffix, syntax)(completion.text)
    return Shown(
        visible=sum(not character.isspace() for character in outcome.text),
        confidence=doubted(sure, doubt),
        right=outcome.text.rstrip() == position.expected,
        doubt=doubt,
        kind=syntax.kind.value,
        faults=_faults(position, outcome, markers),
        several_lines=lines,
        several_faults=several,
    )


def _several(
    engine: Engine,
    asked: CompletionRequest,
    position: Position,
    syntax: SyntaxGuard,
    markers: Sequence[str],
) -> tuple[int, tuple[str, ...]]:
    """Return how many lines are shown at the default threshold, and their faults."""
    asked = replace(asked, multi_line=True)
    completion = engine.submit(asked).future.result()
    gate = Gate(minimum_confidence=Settings().minimum_confidence)
    doubt = Doubt(asked.prefix, asked.suffix, syntax)
    sure = gate.sure_part(completion, 0, len(completion.text), doubt)
    outcome = _judge(completion.text[:sure], asked, syntax)
    if not isinstance(outcome, Insertion):
        return 0, ()
    return outcome.text.count("\n") + 1, _faults(position, outcome, markers)


def _faults(position: Position, outcome: Insertion, markers: Sequence[str]) -> tuple[str, ...]:
    return find_faults(position.before, outcome.text, position.after, position.expected, markers)


def _judge(text: str, asked: CompletionRequest, syntax: SyntaxGuard) -> Insertion | RejectReason:
    return judge(
        text,
        asked.prefix,
        asked.suffix,
        single_line=not asked.multi_line,
        breaks=syntax.breaks,
    )
