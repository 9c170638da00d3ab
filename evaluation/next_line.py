"""`mixline eval next-line`: the rest of a line in held-out repositories, as ghost text shows it.

Three ways at each place: the model alone, the workspace expert's draft alone, and both mixed, as
users get them. The model sees the document without the rest of the cursor's line. The workspace
expert matches against the index: the same document, and other files of the repository.

What the cursor hides is never in the index. But code repeats itself, and an equal line may stand
elsewhere. So each place is asked with two indexes, and there are three parts in a report:

* `absent`, the one to quote: files that have the target line are taken out of the index (lines are
  equal but for blanks around them), so that it can only come from the document itself;
* `novel`: those of these places whose document does not have the line elsewhere either;
* `open`: all files stay, as in an editor.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

from evaluation.intervals import (
    Difference,
    Interval,
    mean_interval,
    paired_difference,
    rounded,
    span,
    wilson,
)
from evaluation.options import Options
from evaluation.positions import Place, Position, draw_positions
from evaluation.progress import Progress
from evaluation.repositories import SourceFile, read_repositories
from evaluation.resume import ResultCache, cache_file, digest, measure_all
from evaluation.similarity import edit_similarity
from evaluation.subject import Subject, complete, describe_subject, headline
from evaluation.workspace import view
from evaluation.workspace_alone import WorkspaceAlone
from inference import CompletionRequest, Engine, Reference
from lsp_server.context.around_cursor import PREFIX_CHARACTERS, SUFFIX_CHARACTERS
from lsp_server.syntax.imports import with_imported_names

DEFAULT_POSITIONS: Final = 1000
ENOUGH_REPOSITORIES: Final = 5
SEED: Final = 20
ALL: Final = "all"  # places of either kind
MODES: Final = ("model", "workspace", "mixed")
_MAX_TOKENS: Final = 64

Answer: TypeAlias = tuple[Position, tuple[str, str, str]]  # what each of MODES said there


@dataclass(frozen=True, slots=True, kw_only=True)
class Guesses:
    """What each way said at one place, with either index."""

    model: str
    absent_workspace: str
    absent_mixed: str
    open_workspace: str
    open_mixed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One way at one kind of place."""

    exact_rate: float
    exact_ci95: Interval
    edit_similarity: float  # mean
    edit_similarity_ci95: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceScores:
    """All ways at one kind of place, and how they differ there."""

    n: int
    model: Score
    workspace: Score
    mixed: Score
    mixed_minus_model: Difference
    mixed_minus_workspace: Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class NextLineReport:
    """All figures of one run: per index, then per place."""

    n: int
    repositories: tuple[str, ...]
    seed: int
    absent: dict[str, PlaceScores]
    novel: dict[str, PlaceScores]
    open: dict[str, PlaceScores]
    subject: Subject


def evaluate(options: Options) -> NextLineReport:
    """Complete `limit` places, 1,000 unless told otherwise, in every way.

    Raises:
        DataError: no repositories there.
        MixlineError: the model cannot be opened or run.
    """
    repositories = read_repositories(options.data)
    positions = draw_positions(repositories, options.limit or DEFAULT_POSITIONS, SEED)
    with Engine.open(options.model, options.config) as engine:
        subject = describe_subject(options.model, options.data)
        workspace = WorkspaceAlone.of(options.model)
        with (
            ResultCache(
                cache_file("next-line", options.model, {}), Guesses, fresh=options.fresh
            ) as cache,
            Progress("next-line", len(positions)) as progress,
        ):
            guesses = measure_all(
                positions,
                key=_key,
                measure=lambda position: guess(engine, workspace, position),
                cache=cache,
                progress=progress,
            )
    absent: list[Answer] = [
        (position, (said.model, said.absent_workspace, said.absent_mixed))
        for position, said in zip(positions, guesses, strict=True)
    ]
    everything: list[Answer] = [
        (position, (said.model, said.open_workspace, said.open_mixed))
        for position, said in zip(positions, guesses, strict=True)
    ]
    return NextLineReport(
        n=len(positions),
        repositories=tuple(repository.name for repository in repositories),
        seed=SEED,
        absent=_by_place(absent),
        novel=_by_place([answer for answer in absent if not answer[0].repeats]),
        open=_by_place(everything),
        subject=subject,
    )


def guess(engine: Engine, workspace: WorkspaceAlone, position: Position) -> Guesses:
    """Ask every way for the rest of a line.

    Raises:
        MixlineError: the model failed.
    """
    files = position.others()
    without = [file for file in files if position.target not in file.stripped_lines]
    alone = request(position, files, workspace_expert=False)
    opened = request(position, files, workspace_expert=True)
    absent = request(position, without, workspace_expert=True)
    model, open_mixed = complete(engine, alone), complete(engine, opened)
    open_workspace = workspace.complete(opened)
    same = len(without) == len(files)
    return Guesses(
        model=model,
        absent_workspace=open_workspace if same else workspace.complete(absent),
        absent_mixed=open_mixed if same else complete(engine, absent),
        open_workspace=open_workspace,
        open_mixed=open_mixed,
    )


def request(
    position: Position, files: list[SourceFile], *, workspace_expert: bool
) -> CompletionRequest:
    """Return what the language server would ask for at a place, with these files open beside it."""
    before, after = position.before, position.after
    document = f"{position.repository.name}/{position.file.path}:{position.line}:{position.column}"
    own = Reference(key=document, version=0, text=before + after)
    asked = CompletionRequest(
        document=document,
        path=position.file.path,
        prefix=_window(before),
        suffix=after[:SUFFIX_CHARACTERS],
        references=(own,),
        workspace=view(position, files),
        max_tokens=_MAX_TOKENS,
        workspace_expert=workspace_expert,
    )
    return with_imported_names(asked) if workspace_expert else asked


def _window(before: str) -> str:
    """Return the end of the text before the cursor, from the start of a line if one is in it."""
    window = before[-PREFIX_CHARACTERS:]
    return window if len(window) == len(before) else window[window.find("\n") + 1 :]


def _key(position: Position) -> str:
    """Return a digest of the document, the place, and the index."""
    files = position.others()
    return digest(
        *(position.repository.name, position.file.digest),
        *(str(position.line), str(position.column)),
        *(file.digest for file in files),
    )


def _by_place(answers: list[Answer]) -> dict[str, PlaceScores]:
    by_place = {
        place.value: _scores([answer for answer in answers if answer[0].place is place])
        for place in Place
    }
    return by_place | {ALL: _scores(answers)}


def _scores(answers: list[Answer]) -> PlaceScores:
    exact: dict[str, list[bool]] = {mode: [] for mode in MODES}
    similar: dict[str, list[float]] = {mode: [] for mode in MODES}
    for position, texts in answers:
        for mode, text in zip(MODES, texts, strict=True):
            exact[mode].append(text.rstrip() == position.expected)
            similar[mode].append(edit_similarity(text.rstrip(), position.expected))
    model, workspace, mixed = (_score(exact[mode], similar[mode]) for mode in MODES)
    return PlaceScores(
        n=len(answers),
        model=model,
        workspace=workspace,
        mixed=mixed,
        mixed_minus_model=paired_difference(exact["mixed"], exact["model"]),
        mixed_minus_workspace=paired_difference(exact["mixed"], exact["workspace"]),
    )


def _score(exact: list[bool], similar: list[float]) -> Score:
    n = max(1, len(exact))
    return Score(
        exact_rate=rounded(sum(exact) / n),
        exact_ci95=wilson(sum(exact), len(exact)),
        edit_similarity=rounded(sum(similar) / n),
        edit_similarity_ci95=mean_interval(similar),
    )


def table(report: NextLineReport) -> str:
    """Return the report for people."""
    few = len(report.repositories) < ENOUGH_REPOSITORIES or report.n < DEFAULT_POSITIONS
    head = f"""\
{headline(report.subject)}
{report.n} places in {len(report.repositories)} repositories ({", ".join(report.repositories)}), \
seed {report.seed}{", fewer than the benchmark asks for" if few else ""}

| index | place | n | way | exact | 95 % interval | edit similarity | 95 % interval |
|---|---|---|---|---|---|---|---|
"""
    rows = [
        f"| {index} | {place} | {scores.n} | {mode} | {score.exact_rate:.1%}"
        f" | {span(score.exact_ci95)} | {score.edit_similarity:.1%}"
        f" | {span(score.edit_similarity_ci95)} |"
        for index, places in _parts(report)
        for place, scores in places.items()
        for mode, score in zip(MODES, (scores.model, scores.workspace, scores.mixed), strict=True)
    ]
    differences = [
        f"{index}, {place}: mixed is exact {gain.difference:+.1%} ({span(gain.ci95)}) against"
        f" the {other} alone"
        for index, places in _parts(report)
        for place, scores in places.items()
        for other, gain in (
            ("model", scores.mixed_minus_model),
            ("workspace expert", scores.mixed_minus_workspace),
        )
    ]
    return head + "\n".join([*rows, "", *differences])


def _parts(report: NextLineReport) -> list[tuple[str, dict[str, PlaceScores]]]:
    return [("absent", report.absent), ("novel", report.novel), ("open", report.open)]
