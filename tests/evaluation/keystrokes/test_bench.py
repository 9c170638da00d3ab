"""The whole benchmark over the wire: real server, real model, one short passage."""

from dataclasses import asdict
from pathlib import Path

import pytest

from evaluation.keystrokes import passages
from evaluation.keystrokes.bench import KeystrokesOptions, bench_keystrokes
from evaluation.keystrokes.replay import position_behind
from evaluation.keystrokes.report import plot, table
from inference import default_model


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a folder of one repository whose code repeats itself."""
    block = (
        "def read_{0}(path):\n    with open(path) as stream:\n        return stream.read()\n\n\n"
    )
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("a", "b"):
        text = "".join(block.format(f"{name}_{number}") for number in range(8))
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return tmp_path


def test_a_passage_is_typed_into_the_server(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code that the file holds already is suggested, accepted, and saves keys."""
    monkeypatch.setattr(passages, "_LINES", (6, 7))
    report = bench_keystrokes(
        KeystrokesOptions(data=repository, passages=1, large=0, seed=1, skip_idle=True, idle_s=0)
    )
    ours = report.sides[0]
    (ordinary,) = ours.sizes

    assert ours.accepted > 0
    assert ours.keys < ours.keys_without
    assert ours.saved_share > 0
    assert 0 < ours.right_rate <= 1
    assert ours.cpu_seconds_per_1000_keys > 0
    assert ours.generated_tokens >= ours.wasted_tokens
    assert sum(row.n for row in ordinary.latency) >= ours.suggestions
    assert ordinary.latency[0].n == ordinary.passages == 1
    assert report.skipped_idle_s is not None
    assert "| cold |" in table(report)
    assert plot(report).startswith("<svg")
    assert asdict(report)["sides"][0]["name"] == default_model().name


def test_positions_count_utf16_units() -> None:
    """As the protocol does."""
    position = position_behind("a\n\N{GRINNING FACE}b")

    assert (position.line, position.character) == (1, 3)
