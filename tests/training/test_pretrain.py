"""The training loop: kills, resumption, continuation after a finished run."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from training import checkpoint  # noqa: E402 - torch first
from training.checkpoint import State  # noqa: E402
from training.corpus import Corpus  # noqa: E402
from training.errors import CheckpointError  # noqa: E402
from training.pretrain import pretrain  # noqa: E402
from training.recipe import RECIPES, Recipe, load_recipe  # noqa: E402
from training.schedule import Budget  # noqa: E402
from training.tokenizer import load_plain  # noqa: E402
from training.trainer import Run, Trainer, resume_point  # noqa: E402

TOKENS = 40_000


@pytest.fixture(scope="module")
def recipe_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny recipe on one thread, with a checkpoint after every step."""
    text = (RECIPES / "tiny.toml").read_text()
    path = tmp_path_factory.mktemp("recipe") / "tiny.toml"
    text = text.replace("threads = 2", "threads = 1")
    path.write_text(text.replace("checkpoint_minutes = 0.5", "checkpoint_minutes = 0"))
    return path


@pytest.fixture
def recipe(recipe_path: Path) -> Recipe:
    """The same, loaded."""
    return load_recipe(str(recipe_path))


@pytest.fixture
def run(recipe: Recipe, corpus: Corpus, tokenizer_path: Path, tmp_path: Path) -> Run:
    """A run of 40,000 tokens."""
    return Run(
        recipe=recipe,
        corpus=corpus,
        tokenizer=load_plain(tokenizer_path),
        out=tmp_path / "run",
        budget=Budget(tokens=TOKENS),
    )


def steps(out: Path) -> list[dict[str, float]]:
    """The step rows of a run's log; a kill may have cut the last line."""
    rows = []
    for line in (out / "log.jsonl").read_text().splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        if "nats" in row:
            rows.append(row)
    return rows


def test_killed_run_ends_like_an_undisturbed_one(
    run: Run, recipe_path: Path, tokenizer_path: Path, tmp_path: Path
) -> None:
    """Killed three times, it sees the same data in the same order and ends bit-equal."""
    out = tmp_path / "killed"
    command = [
        *(sys.executable, "-m", "training", "pretrain", str(recipe_path)),
        *("--corpus", str(run.corpus.folder), "--tokenizer", str(tokenizer_path)),
        *("--out", str(out), "--tokens", str(TOKENS)),
    ]
    for kill_at in (4, 9, 14):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            if (out / "log.jsonl").is_file() and any(row["step"] >= kill_at for row in steps(out)):
                break
            time.sleep(0.02)
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0

    assert pretrain(run)
    undisturbed = {row["step"]: row["nats"] for row in steps(run.out)}
    assert all(undisturbed[row["step"]] == row["nats"] for row in steps(out))
    one, other = (checkpoint.load(path / checkpoint.FINAL) for path in (run.out, out))
    assert replace(one[0], seconds=0) == replace(other[0], seconds=0)
    assert all(torch.equal(weight, other[1][name]) for name, weight in one[1].items())


def test_finished_run_is_continued_from_before_its_decay(run: Run) -> None:
    """With a larger budget the plateau goes on; the decayed weights are not the start."""
    pretrain(run)
    plateau = checkpoint.load(run.out / checkpoint.STABLE)[0]

    longer = Trainer(replace(run, budget=Budget(tokens=10 * TOKENS)))

    assert 0 < plateau.step < checkpoint.load(run.out / checkpoint.FINAL)[0].step
    assert (longer.state.step, longer.state.rows_decay) == (plateau.step, 0)


def test_loss_falls_and_experts_share(run: Run) -> None:
    """Twenty steps are enough to leave chance behind; no expert takes everything."""
    pretrain(run)
    rows = steps(run.out)

    assert rows[-1]["nats"] < rows[0]["nats"] - 0.7
    assert rows[-1]["expert_share"][1] < 4.0
    assert {row["phase"] for row in rows} == {"stable", "decay"}


def test_terminated_run_keeps_its_last_step(
    run: Run, recipe_path: Path, tokenizer_path: Path
) -> None:
    """SIGTERM finishes the step, saves, and says by its status that the budget is not used."""
    command = [
        *(sys.executable, "-m", "training", "pretrain", str(recipe_path)),
        *("--corpus", str(run.corpus.folder), "--tokenizer", str(tokenizer_path)),
        *("--out", str(run.out), "--minutes", "60"),
    ]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if (run.out / "log.jsonl").is_file() and steps(run.out):
            break
        time.sleep(0.05)
    process.terminate()

    assert process.wait(timeout=60) == 1
    assert checkpoint.load(run.out / checkpoint.LAST)[0].step == steps(run.out)[-1]["step"]
    assert json.loads((run.out / "log.jsonl").read_text().splitlines()[-1])["event"] == "stopped"


def saved(path: Path, **facts: float) -> None:
    """A checkpoint of which only the state matters."""
    path.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.save(path, State(**facts), {}, {}, {})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("last", "stable", "budget", "expected"),
    [
        (None, None, Budget(tokens=100), None),
        ({"tokens": 50}, None, Budget(tokens=100), "last.pt"),
        # killed in its decay: goes on there
        ({"tokens": 90, "rows_decay": 8}, {"tokens": 70}, Budget(tokens=100), "last.pt"),
        # finished, then given more: back to the plateau
        ({"tokens": 100, "rows_decay": 8}, {"tokens": 70}, Budget(tokens=1000), "stable.pt"),
        # continued beyond an older plateau
        ({"tokens": 300}, {"tokens": 70}, Budget(tokens=1000), "last.pt"),
        # a deadline: 70 s of plateau, 10 s left, and 700 s left
        ({"seconds": 80, "rows_decay": 8}, {"seconds": 70}, Budget(until=1010.0), "last.pt"),
        ({"seconds": 80, "rows_decay": 8}, {"seconds": 70}, Budget(until=1700.0), "stable.pt"),
    ],
)
def test_resume_point(
    run: Run,
    last: dict[str, float] | None,
    stable: dict[str, float] | None,
    budget: Budget,
    expected: str | None,
) -> None:
    """The newest checkpoint, unless the budget puts the run back on its plateau."""
    if last is not None:
        saved(run.out / checkpoint.LAST, **last)
    if stable is not None:
        saved(run.out / checkpoint.STABLE, **stable)

    found = resume_point(replace(run, budget=budget), now=1000.0)

    assert (None if found is None else found.name) == expected


def test_run_of_another_model_is_refused(run: Run, recipe: Recipe) -> None:
    """A folder belongs to one shape of model."""
    run.out.mkdir(parents=True)
    Trainer(run).save(checkpoint.LAST)
    other = replace(recipe, model=replace(recipe.model, expert_hidden=32))

    with pytest.raises(CheckpointError, match="another expert_hidden"):
        Trainer(replace(run, recipe=other))


def test_broken_weights_stop_the_run(run: Run) -> None:
    """A loss that is no number ends the run before it spoils the checkpoint."""
    trainer = Trainer(run)
    with torch.no_grad():
        trainer.model.norm.fill_(float("nan"))

    with pytest.raises(CheckpointError, match="expected a finite loss"):
        trainer.step(0.5)


def test_bfloat16_learns_as_float32(run: Run, recipe: Recipe) -> None:
    """Products in bfloat16 change the loss of a short run by less than two percent."""
    pretrain(run)
    half = replace(run, recipe=replace(recipe, precision="bf16"), out=run.out.parent / "half")
    pretrain(half)

    one, other = steps(run.out)[-1]["nats"], steps(half.out)[-1]["nats"]

    assert other == pytest.approx(one, rel=0.02)


def test_rows_of_other_processes_make_the_same_run(run: Run, tokenizer_path: Path) -> None:
    """Whoever makes the rows, weights end bit-equal, also after the change to the decay."""
    pretrain(run)
    helped = replace(run, tokenizer_path=tokenizer_path, workers=2, out=run.out.parent / "helped")
    pretrain(helped)

    one, other = (checkpoint.load(path / checkpoint.FINAL) for path in (run.out, helped.out))
    assert replace(one[0], seconds=0) == replace(other[0], seconds=0)
    assert all(torch.equal(weight, other[1][name]) for name, weight in one[1].items())


def test_fast_path_trains_as_the_loop(run: Run) -> None:
    """The kernel of a GPU, on a CPU: the loss of a short run is the same within half a percent."""
    pretrain(run)
    fast = replace(run, kernel="grouped", out=run.out.parent / "fast")
    pretrain(fast)

    assert steps(fast.out)[-1]["nats"] == pytest.approx(steps(run.out)[-1]["nats"], rel=0.005)
