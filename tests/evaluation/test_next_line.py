"""The rest of a line: what each way may look at, and how it is scored."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluation.next_line import evaluate, guess, request, table
from evaluation.options import Options
from evaluation.positions import Place, Position
from evaluation.repositories import read_repositories
from evaluation.workspace_alone import WorkspaceAlone
from inference import CompletionRequest, Engine
from inference.workspace_expert import texts_around

FILLER = "".join(f"filler_{number} = {number}\n" for number in range(12))
TARGET = "    connection = open_connection(host, port)\n"
DOCUMENT = FILLER + "def first(host, port):\n" + TARGET + "    return connection\n"


def position_in(folder: Path, path: str, line: str, column: int) -> Position:
    """Return the cursor in the first line of a file that equals `line`."""
    (repository,) = read_repositories(folder)
    file = next(file for file in repository.files if file.path == path)
    return Position(
        repository=repository,
        file=file,
        place=Place.MID_LINE,
        line=file.lines.index(line.rstrip("\n")),
        column=column,
    )


@pytest.fixture
def position(make_repositories: Callable[[dict[str, str]], Path]) -> Position:
    """Stand behind `connection = ` in a file; other files have the same line or not."""
    folder = make_repositories(
        {
            "r/a.py": DOCUMENT,
            "r/same.py": "def first(host, port):\n" + TARGET,
            "r/tab.py": "if x:\n\t" + TARGET.lstrip(),
            "r/other.py": "x = 1\n    connection = open_connection(address)\n",
        }
    )
    return position_in(folder, "a.py", TARGET, len("    connection = "))


def test_what_the_cursor_hides_is_nowhere_in_the_request(position: Position) -> None:
    """Neither in the prompt nor in the document that the workspace expert reads."""
    asked = request(position, [], workspace_expert=True)

    assert asked.prefix.endswith("\n    connection = ")
    assert asked.suffix == "\n    return connection\n"
    assert all("open_connection" not in text for text in texts_around(asked))
    assert "".join(texts_around(asked)[:2]) == position.before + position.after


def test_files_with_the_target_line_leave_the_index(
    position: Position, scripted_engine: Callable[..., Any], tiny_model: Path
) -> None:
    """However it is indented there; with `open` they stay."""

    def visible(asked: CompletionRequest) -> str:
        assert asked.workspace is not None
        return " ".join(sorted(asked.workspace.owners.keys() - asked.workspace.hidden))

    engine = scripted_engine(visible)
    said = guess(engine, WorkspaceAlone.of(tiny_model), position)

    assert said.open_mixed == "other.py same.py tab.py"
    assert said.absent_mixed == "other.py"
    assert [asked.workspace_expert for asked in engine.asked] == [False, True, True]
    assert said.open_workspace == "open_connection(host, port)"
    assert said.absent_workspace == "open_connection(address)"


def test_an_index_without_the_line_is_asked_once(
    make_repositories: Callable[[dict[str, str]], Path],
    scripted_engine: Callable[..., Any],
    tiny_model: Path,
) -> None:
    """Both indexes are then the same."""
    position = position_in(make_repositories({"r/a.py": DOCUMENT}), "a.py", TARGET, 8)
    engine = scripted_engine(lambda _: "x")
    said = guess(engine, WorkspaceAlone.of(tiny_model), position)

    assert len(engine.asked) == 2
    assert said.open_workspace == said.absent_workspace


def test_rates_are_those_of_the_guesses(
    make_repositories: Callable[[dict[str, str]], Path],
    scripted_engine: Callable[..., Any],
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An oracle with the workspace expert, nonsense without: 100 % mixed, 0 % the model alone."""
    twice = "".join(f"value_{number % 12} = {number % 12}\n" for number in range(24))
    folder = make_repositories({"r/a.py": FILLER, "s/b.py": twice})
    texts = [FILLER, twice]

    def oracle(asked: CompletionRequest) -> str:
        if not asked.workspace_expert:
            return "?"
        text = next(text for text in texts if text.startswith(asked.prefix))
        return text[len(asked.prefix) :].split("\n")[0] + "  "

    engine = scripted_engine(oracle)
    monkeypatch.setattr(Engine, "submit", lambda _, asked: engine.submit(asked))
    report = evaluate(Options(model=tiny_model, data=folder, limit=16))

    assert report.n == 16
    assert report.repositories == ("r", "s")
    for part in (report.absent, report.open):
        assert {kind: scores.n for kind, scores in part.items()} == {
            **dict.fromkeys(Place, 8),
            "all": 16,
        }
        for scores in part.values():
            assert scores.mixed.exact_rate == scores.mixed.edit_similarity == 1.0
            assert scores.model.exact_rate == 0.0
            assert scores.mixed_minus_model.difference == 1.0
    # Every line of s/b.py stands there twice.
    assert [scores.n for scores in report.novel.values()] == [4, 4, 8]
    assert report.absent["line_start"].workspace.edit_similarity > 0
    assert "fewer than the benchmark asks for" in table(report)
    assert "| absent | mid_line | 8 | mixed | 100.0% |" in table(report)


def test_the_real_engine_agrees_with_itself(tiny_model: Path) -> None:
    """A second run takes the same figures from the cache; a fresh one measures them again."""
    options = Options(model=tiny_model, limit=6)
    report = evaluate(options)

    assert report.n == 6
    assert evaluate(options) == report
    assert evaluate(Options(model=tiny_model, limit=6, fresh=True)) == report
