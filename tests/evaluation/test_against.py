"""Two exports of one checkpoint, read side by side."""

import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from evaluation import bits
from evaluation.against import evaluate, table
from evaluation.errors import DataError
from evaluation.options import Options
from onnx_export import export_checkpoint

FILES = {"a/a.py": "import json\n\n\ndef load(text):\n    return json.loads(text)\n" * 9}
FILES["b/b.py"] = "values = [1, 2, 3]\nfor value in values:\n    print(value)\n" * 5


def test_a_model_costs_nothing_against_itself(
    tiny_model: Path, make_repositories: Callable[[dict[str, str]], Path]
) -> None:
    """No bit more, every first choice the same, and the figure of `bits`."""
    options = Options(model=tiny_model, data=make_repositories(FILES))
    report = evaluate(options, tiny_model)
    alone = bits.evaluate(options)

    assert (report.cost, report.cost_ci95) == (0.0, (0.0, 0.0))
    assert (report.agreement, report.agreement_ci95) == (1.0, (1.0, 1.0))
    assert report.bits_per_byte == report.other_bits_per_byte == alone.bits_per_byte
    assert (report.n, report.bytes, report.tokens) == (alone.n, alone.bytes, alone.tokens)


def test_rounded_weights_differ_a_little(
    tiny_model: Path,
    tiny_checkpoint: Path,
    tmp_path: Path,
    make_repositories: Callable[[dict[str, str]], Path],
) -> None:
    """Both figures are those of the models alone; cost is their ratio; a second run is the same."""
    rounded = tmp_path / "int4"
    export_checkpoint(tiny_checkpoint, rounded, weights="int4")
    data = make_repositories(FILES)
    report = evaluate(Options(model=rounded, data=data), tiny_model)
    one, other = (
        bits.evaluate(Options(model=model, data=data)).bits_per_byte
        for model in (rounded, tiny_model)
    )

    assert (report.bits_per_byte, report.other_bits_per_byte) == (one, other)
    assert one != other
    assert report.cost == pytest.approx(one / other - 1, abs=2e-4)
    assert report.cost_ci95[0] <= report.cost <= report.cost_ci95[1]
    assert 0.2 < report.agreement < 1  # random weights: most first choices are close calls
    assert evaluate(Options(model=rounded, data=data), tiny_model) == report
    assert f"| {report.agreement:.2%} |" in table(report)


def test_another_tokenizer_is_refused(
    tiny_model: Path, tmp_path: Path, make_repositories: Callable[[dict[str, str]], Path]
) -> None:
    """Bits of different tokens cannot be compared one by one."""
    other = tmp_path / "other"
    shutil.copytree(tiny_model, other)
    path = other / "tokenizer.json"
    text = path.read_text(encoding="utf-8").replace("<|reserved_5|>", "<|reserved_9|>")
    path.write_text(text, encoding="utf-8")

    with pytest.raises(DataError, match="another"):
        evaluate(Options(model=tiny_model, data=make_repositories(FILES)), other)


def test_a_report_is_plain_data(
    tiny_model: Path, make_repositories: Callable[[dict[str, str]], Path]
) -> None:
    """As `--json` prints it: both models by name and digest."""
    report = asdict(evaluate(Options(model=tiny_model, data=make_repositories(FILES)), tiny_model))

    assert report["subject"] == report["other"]
    assert list(report)[:3] == ["n", "bytes", "tokens"]
