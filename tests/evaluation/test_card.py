"""All tables of a model card from one command."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from evaluation.__main__ import main
from evaluation.card import CardOptions, sections

FILES = {
    "a/a.py": "".join(f"value_{number} = compute({number})\n" for number in range(20)),
    "b/b.py": "".join(f"name_{number} = {number} + 1\n" for number in range(20)),
}
PROBLEM = {
    "task_id": "SingleLineInfilling/one",
    "prompt": "def one():\n",
    "suffix": "",
    "canonical_solution": "    return 1\n",
    "test": "def check(f):\n    assert f() == 1\n",
    "entry_point": "one",
}


def test_only_what_has_its_data_is_measured(tmp_path: Path) -> None:
    """Headings tell which benchmarks will run."""
    (tmp_path / "SingleLineInfilling.jsonl").touch()
    (tmp_path / "HumanEval.jsonl").touch()

    def headings(**given: Path) -> list[str]:
        return [name for name, _ in sections(CardOptions(model=tmp_path, threads=1, **given))]

    assert headings() == []
    assert headings(data=tmp_path) == ["HumanEval.jsonl", "SingleLineInfilling.jsonl"]
    assert headings(corpus=tmp_path) == ["Memorisation"]
    assert len(headings(heldout=tmp_path, against=tmp_path)) == 5


def test_the_tables_come_out(
    tiny_model: Path,
    tmp_path: Path,
    make_repositories: Callable[[dict[str, str]], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """From the command line, a few items of each."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "SingleLineInfilling.jsonl").write_text(json.dumps(PROBLEM) + "\n", encoding="utf-8")
    words = ["card", tiny_model, "--heldout", make_repositories(FILES), "--data", data]
    status = main([str(word) for word in [*words, "--against", tiny_model, "--limit", 2]])
    shown = capsys.readouterr().out

    assert status == 0
    for line in ("## Bits per byte", "| bits/byte |", "## The rest of a line", "## Experts"):
        assert line in shown
    assert "| same first choice | 100.00% |" in shown
    assert "| tests pass | 1 |" in shown


def test_a_mistake_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that is no model."""
    status = main(["card", str(tmp_path), "--heldout", str(tmp_path)])

    assert status == 1
    assert capsys.readouterr().err.count("\n") == 1
