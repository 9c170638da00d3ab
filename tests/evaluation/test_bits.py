"""Bits per byte: every token once, with enough before it, and the arithmetic."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from evaluation.bits import draw_files, evaluate, score, table, windows
from evaluation.options import Options
from evaluation.repositories import read_repositories
from inference.logits import prompt_logits
from inference.scoring import Scorer


@pytest.mark.parametrize("num_ids", [0, 1, 2, 7, 8, 9, 12, 13, 100])
def test_windows_score_each_token_once_behind_half_a_window(num_ids: int) -> None:
    """But for the file's beginning, where everything there is stands before it."""
    size = 8
    scored: list[int] = []
    for start, first, end in windows(num_ids, size):
        assert 0 < end - start <= size
        assert start == 0 or first - start >= size // 2
        scored += range(first, end)

    assert scored == list(range(1, num_ids))


def test_the_figure_is_that_of_the_logits(tiny_model: Path) -> None:
    """A text that fits one window: bits from logits token by token."""
    scorer = Scorer.open(tiny_model, threads=2)
    text = "def total(items):\n    return sum(items)  # é\n"
    ids = [scorer.start_id, *scorer.tokenizer.encode(text)]
    logits = prompt_logits(tiny_model, np.asarray(ids[:-1])).astype(np.float64)
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    bits = -logs[np.arange(len(ids) - 1), ids[1:]].sum() / math.log(2)
    scored = score(scorer, text, 4096)

    assert scored.tokens == len(ids) - 1
    assert scored.bits == pytest.approx(bits, rel=1e-4)


def test_total_bits_over_total_bytes(
    tiny_model: Path, make_repositories: Callable[[dict[str, str]], Path]
) -> None:
    """Long files weigh more; bytes are UTF-8; parts and whole agree; a second run is the same."""
    folder = make_repositories({"a/a.py": "é = 1\n" * 40, "b/b.py": "import json\n", "b/c.py": "#"})
    options = Options(model=tiny_model, data=folder)
    report = evaluate(options)
    parts = report.repositories
    bits = sum(part.bits_per_byte * part.bytes for part in parts.values())

    assert report.n == 3
    assert report.bytes == 7 * 40 + 13 == sum(part.bytes for part in parts.values())
    assert report.bits_per_byte == pytest.approx(bits / report.bytes, abs=1e-3)
    assert report.bits_per_byte_ci95[0] <= report.bits_per_byte <= report.bits_per_byte_ci95[1]
    assert report.window == 4096
    assert evaluate(options) == report
    assert f"| all | 3 | {report.bytes} | {report.bits_per_byte:.4f} |" in table(report)


def test_a_lower_effort_is_compared_on_the_same_files(
    tiny_model: Path, make_repositories: Callable[[dict[str, str]], Path]
) -> None:
    """Its bits are those of the graph with that effort, the change is to all experts."""
    folder = make_repositories({"a/a.py": "def f(x):\n    return x\n" * 9, "b/b.py": "y = 2\n"})
    full = evaluate(Options(model=tiny_model, data=folder))
    half = evaluate(Options(model=tiny_model, data=folder, effort=0.5))
    cost = half.lower_effort
    scorer = Scorer.open(tiny_model, threads=2)
    texts = [
        (place / name).read_text("utf-8")
        for place, name in ((folder / "a", "a.py"), (folder / "b", "b.py"))
    ]
    bits = sum(score(scorer, text, 4096, 0.5).bits for text in texts)

    assert full.lower_effort is None
    assert cost is not None
    assert half.bits_per_byte == full.bits_per_byte
    assert cost.bits_per_byte == pytest.approx(bits / half.bytes, abs=1e-3)
    assert cost.bits_per_byte != full.bits_per_byte
    assert cost.change == pytest.approx(cost.bits_per_byte - full.bits_per_byte, abs=1e-3)
    assert cost.change_ci95[0] <= cost.change <= cost.change_ci95[1]
    assert f"effort 0.5: {cost.bits_per_byte:.4f} bits/byte" in table(half)


def test_a_draw_takes_repositories_in_turn(
    make_repositories: Callable[[dict[str, str]], Path],
) -> None:
    """Equally many of each as long as they last; a smaller draw is the beginning of a larger."""
    files = {f"large/m{number}.py": f"x = {number}\n" for number in range(9)}
    repositories = read_repositories(make_repositories({**files, "small/a.py": "y\n"}))
    drawn = draw_files(repositories, 6)

    assert [file.repository for file in drawn] == ["large", "small", *["large"] * 4]
    assert draw_files(repositories, 3) == drawn[:3]
    assert len({file.path for file in draw_files(repositories, None)}) == 10
