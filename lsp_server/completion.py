"""One completion at one place, for `mixline complete` and the request `mixline/complete`."""

from dataclasses import dataclass
from pathlib import Path

from inference import (
    Completion,
    CompletionRequest,
    Reference,
    RequestError,
    Sampling,
    Snippet,
    WorkspaceView,
)
from lsp_server.context.admission import Admission, AdmissionRules
from lsp_server.context.around_cursor import Window, WindowPins
from lsp_server.context.multi_line import wants_several_lines
from lsp_server.context.references import gather_references
from lsp_server.context.shown_suffix import ShownSuffixes
from lsp_server.document import Document, Point
from lsp_server.engine_host import CompletionEngine
from lsp_server.positions import PositionEncoding, units_of_index
from lsp_server.postprocess.closers import hidden_closers
from lsp_server.postprocess.doubt import Doubt
from lsp_server.postprocess.judge import Gate, judge, may_ask
from lsp_server.postprocess.reject import RejectReason
from lsp_server.settings import MultiLine, Settings
from lsp_server.syntax.guard import SyntaxGuard
from lsp_server.syntax.parsing import SyntaxTrees
from lsp_server.syntax.place import Kind

LspRange = dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionReport:
    """The JSON object of `mixline complete`."""

    text: str  # "" for no suggestion
    range: LspRange  # what the text replaces; from 0
    finish_reason: str | None
    reject_reason: str | None  # why an editor would not show it while typing
    tokens: int
    prompt_tokens: int
    cached_tokens: int
    mean_logprob: float
    ms_prefill: float
    ms_decode: float


def build_request(
    *,
    document: str,
    path: str,
    prefix: str,
    suffix: str,
    settings: Settings,
    explicit: bool,
    syntax: SyntaxGuard | None,
    earlier: str = "",
    shown: ShownSuffixes | None = None,
    snippets: tuple[Snippet, ...] = (),
    references: tuple[Reference, ...] = (),
    workspace: WorkspaceView | None = None,
    max_tokens: int | None = None,
    sampling: Sampling | None = None,
    effort: float | None = None,
) -> CompletionRequest:
    """Return what the engine is asked for a place; closers at the cursor are none of its business.

    Args:
        document: its URI.
        path: as the model sees it.
        prefix: the text before the cursor.
        suffix: all the text behind it.
        settings: of the session.
        explicit: asked for by the user, not by typing.
        syntax: of the place; None where several lines are decided on later, see `Query.decided`.
        earlier: what stands before the document.
        shown: what the last prompts showed behind the cursor.
        snippets: of other files.
        references: what the workspace expert may match against.
        workspace: the same of what is indexed.
        max_tokens: None for that of the settings.
        sampling: likewise.
        effort: likewise.

    Raises:
        RequestError: `max_tokens` is out of range.
    """
    several = (
        settings.multi_line is MultiLine.AUTO
        and wants_several_lines(prefix, suffix)
        and (syntax is None or syntax.kind is Kind.CODE)
    )
    behind = suffix[len(hidden_closers(suffix)) :]
    return CompletionRequest(
        document=document,
        path=path,
        earlier=earlier,
        prefix=prefix,
        suffix=behind,
        shown_suffix=shown.show(document, behind) if shown is not None else None,
        snippets=snippets,
        references=references,
        workspace=workspace,
        max_tokens=settings.max_tokens if max_tokens is None else max_tokens,
        multi_line=several,
        require_text=explicit,
        sampling=sampling or Sampling(temperature=settings.temperature),
        effort=settings.effort if effort is None else effort,
    )


def report(
    request: CompletionRequest,
    completion: Completion,
    *,
    document: Document,
    cursor: Point,
    encoding: PositionEncoding,
    gate: Gate,
    syntax: SyntaxGuard,
) -> CompletionReport:
    """Return the completion as an explicit request shows it, and what the gate would have said."""
    behind = request.suffix
    if closers := hidden_closers(document.line(cursor.line)[cursor.column :]):
        behind = closers + behind
    outcome = judge(completion.text, request.prefix, behind, single_line=not request.multi_line)
    if isinstance(outcome, RejectReason):
        text, absorbed = "", 0
        reason: RejectReason | None = outcome
    else:
        text, absorbed = outcome.text, outcome.absorbed
        doubt = Doubt(request.prefix, behind, syntax)
        sure = gate.sure_part(completion, 0, len(completion.text), doubt)
        unsure = None if sure else RejectReason.LOW_CONFIDENCE
        broken = RejectReason.BREAKS_SYNTAX if syntax.breaks(outcome) else None
        reason = may_ask(behind) or unsure or broken
    return CompletionReport(
        text=text,
        range=_range(document, cursor, absorbed, encoding),
        finish_reason=completion.finish_reason.value if completion.finish_reason else None,
        reject_reason=reason.value if reason else None,
        tokens=completion.tokens,
        prompt_tokens=completion.prompt_tokens,
        cached_tokens=completion.cached_tokens,
        mean_logprob=completion.mean_logprob,
        ms_prefill=completion.ms_prefill,
        ms_decode=completion.ms_decode,
    )


def refusal(
    reason: RejectReason, *, document: Document, cursor: Point, encoding: PositionEncoding
) -> CompletionReport:
    """Return the report on a place where nothing was generated."""
    return CompletionReport(
        text="",
        range=_range(document, cursor, 0, encoding),
        finish_reason=None,
        reject_reason=reason.value,
        tokens=0,
        prompt_tokens=0,
        cached_tokens=0,
        mean_logprob=0.0,
        ms_prefill=0.0,
        ms_decode=0.0,
    )


def complete_at(
    engine: CompletionEngine,
    *,
    path: Path,
    text: str,
    line: int,
    column: int,
    max_tokens: int | None = None,
    sampling: Sampling | None = None,
    effort: float | None = None,
) -> CompletionReport:
    """Complete one place of a file; blocks until the generation has ended.

    Args:
        engine: an open engine.
        path: the file; its name decides whether it is a secret, and is shown to the model.
        text: what it holds.
        line: from 1.
        column: in code points, from 1 to the line's length + 1.
        max_tokens: None for the default of the settings, likewise the next two.
        sampling: how tokens are drawn.
        effort: as `inference.parse_effort` gives it.

    Returns:
        What an explicit request shows, with the range in utf-16 units.

    Raises:
        RequestError: the place lies outside the text.
    """
    settings = Settings()
    uri = path.absolute().as_uri()
    document = Document.of_text(uri=uri, version=0, language="", text=text)
    cursor = _cursor(document, line, column)
    encoding = PositionEncoding.UTF16
    admitted = AdmissionRules((Path.cwd(),)).admit(uri)
    if admitted.admission is Admission.SECRET:
        return refusal(RejectReason.SECRET, document=document, cursor=cursor, encoding=encoding)
    window: Window = WindowPins().window(document, cursor)
    syntax = SyntaxGuard(SyntaxTrees(), document, cursor, admitted.path)
    request = build_request(
        document=uri,
        path=admitted.path,
        prefix=window.prefix,
        suffix=window.suffix,
        settings=settings,
        explicit=True,
        syntax=syntax,
        references=gather_references(
            document, (), lambda _: Admission.ALONE, Document.text, Document.text
        ),
        max_tokens=max_tokens,
        sampling=sampling,
        effort=effort,
    )
    generation = engine.submit(request)
    try:
        completion = generation.future.result()
    except BaseException:  # also when the user interrupts the wait
        generation.cancel()
        raise
    gate = Gate(minimum_confidence=settings.minimum_confidence)
    return report(
        request,
        completion,
        document=document,
        cursor=cursor,
        encoding=encoding,
        gate=gate,
        syntax=syntax,
    )


def _cursor(document: Document, line: int, column: int) -> Point:
    if not 1 <= line <= len(document.lines):
        raise RequestError(f"expected a line from 1 to {len(document.lines)}, got {line}")
    length = len(document.line(line - 1))
    if not 1 <= column <= length + 1:
        raise RequestError(f"expected a column from 1 to {length + 1} in line {line}, got {column}")
    return Point(line - 1, column - 1)


def _range(
    document: Document, cursor: Point, absorbed: int, encoding: PositionEncoding
) -> LspRange:
    line = document.line(cursor.line)
    start = units_of_index(line, cursor.column, encoding)
    end = units_of_index(line, cursor.column + absorbed, encoding)
    return {
        "start": {"line": cursor.line, "character": start},
        "end": {"line": cursor.line, "character": end},
    }
