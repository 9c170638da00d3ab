"""Plots of a run's log."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training.plot import PlotError, draw, draw_run, read_log, smoothed

pytest.importorskip("matplotlib")

from matplotlib.image import imread


def step(number: int, **changes: Any) -> dict[str, Any]:
    """One row of a log."""
    row = {
        "step": number,
        "tokens": 1_000_000 * number,
        "seconds": 2.0 * number,
        "phase": "stable",
        "lr": 1.0,
        "nats": 8.0 / number,
        "bits_per_byte": 4.0 / number,
        "tokens_per_second": 500,
        "expert_share": [0.5, 1.5],
    }
    return row | changes


def write(path: Path, rows: list[dict[str, Any] | str]) -> Path:
    """A log of rows, or of lines as they are."""
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines), "utf-8")
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A run that was killed while it wrote, went on from step 3, and is in its decay."""
    return write(
        tmp_path / "log.jsonl",
        [
            {"event": "start", "step": 0, "tokens": 0},
            *(step(number) for number in range(1, 5)),
            {"event": "heldout", "step": 3, "tokens": 3_000_000, "bits_per_byte": 2.0},
            {"event": "heldout", "step": 4, "tokens": 4_000_000, "bits_per_byte": 9.0},
            json.dumps(step(5))[:40],
            {"event": "start", "step": 3, "tokens": 3_000_000},
            {"event": "a new kind"},
            step(4, nats=1.0),
            step(5, phase="decay", lr=0.5, expert_share=[0.25, 3.0]),
            '{"step": 6, "tok',
        ],
    )


def test_steps_that_were_given_up_are_left_out(path: Path) -> None:
    """What a resumed run did twice counts once, as the weights saw it; cut lines do not hurt."""
    log = read_log(path)

    assert log.tokens.tolist() == [1, 2, 3, 4, 5]
    assert log.nats.tolist() == [8, 4, 8 / 3, 1, 8 / 5]
    assert log.heldout.tolist() == [[3, 2]]
    assert log.decay.tolist() == [False, False, False, False, True]
    assert log.expert_share[-1].tolist() == [0.25, 3]
    assert log.lr[-1] == 0.5


def test_picture_shows_the_run(path: Path, tmp_path: Path) -> None:
    """A PNG file with all kinds of lines; no half-written one beside it."""
    draw(read_log(path), tmp_path / "log.png", "a run")

    pixels = imread(tmp_path / "log.png")
    colours = {tuple(pixel) for pixel in (pixels[..., :3].reshape(-1, 3) * 255).round().astype(int)}
    assert {(31, 119, 180), (158, 202, 225), (214, 39, 40)} <= colours
    assert {file.name for file in tmp_path.iterdir()} == {"log.jsonl", "log.png"}


def test_one_step_is_enough(tmp_path: Path) -> None:
    """The first evaluation may come early."""
    log = read_log(write(tmp_path / "log.jsonl", [step(1, tokens_per_second=0)]))

    draw(log, tmp_path / "log.png", "a run")

    assert (tmp_path / "log.png").stat().st_size > 10_000


@pytest.mark.parametrize("rows", [[], ["no JSON"], [{"event": "start", "step": 0}], ["[1]"]])
def test_a_log_without_steps_is_refused(tmp_path: Path, rows: list[Any]) -> None:
    """The message says what was expected."""
    with pytest.raises(PlotError, match="expected one line of JSON"):
        read_log(write(tmp_path / "log.jsonl", rows))


def test_training_outlives_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever goes wrong is a line on stderr: no log, values of another type, no room."""
    draw_run(tmp_path)
    write(tmp_path / "log.jsonl", [step(1, nats="many")])
    draw_run(tmp_path)
    write(tmp_path / "log.jsonl", [step(1)])
    (tmp_path / "log.png").mkdir()
    draw_run(tmp_path)

    assert capsys.readouterr().err.count("no plot this time") == 3


def test_smooth_lines_keep_level_and_ends() -> None:
    """A mean over a fiftieth of the steps, over fewer at the ends; a short run is not smoothed."""
    values = np.arange(200.0)

    np.testing.assert_allclose(smoothed(values)[2:-2], values[2:-2])
    assert smoothed(values)[0] == 1
    assert smoothed(values[:40]).tolist() == values[:40].tolist()
