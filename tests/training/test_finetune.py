"""Fine-tuning from files to a model directory: better or refused, resumed after a stop."""

import dataclasses
import itertools
import os
import shutil
import signal
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import training.finetune  # noqa: E402 - torch first
from inference.logits import prompt_logits  # noqa: E402
from inference.model_dir import ModelDir, write_manifest  # noqa: E402
from training import checkpoint, finetune_tuner  # noqa: E402
from training.finetune import FinetuneRequest, finetune  # noqa: E402
from training.finetune_errors import FinetuneError, FinetuneStoppedError  # noqa: E402
from training.finetune_tuner import Tuner, TunerStatus, rate  # noqa: E402

LIBRARY = Path(sysconfig.get_paths()["stdlib"])


class StepClock:
    """Time that passes when it is looked at: a run's length does not depend on the machine."""

    def __init__(self, before: float) -> None:
        self._seconds = before

    @property
    def seconds(self) -> float:
        """A twentieth of a second more than the last time."""
        self._seconds += 0.05
        return self._seconds


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads that wait for each other make tiny products slow where cores are busy."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def request_of(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> FinetuneRequest:
    """Some ten steps on the standard library's `json` and `wsgiref`."""
    monkeypatch.setattr(finetune_tuner, "Stopwatch", StepClock)
    monkeypatch.setattr(finetune_tuner, "ROWS", 2)
    monkeypatch.setattr(training.finetune, "MAX_CONTEXT", 256)
    paths = [path for part in ("json", "wsgiref") for path in sorted((LIBRARY / part).glob("*.py"))]
    return FinetuneRequest(
        base=ModelDir.open(tiny_model),
        files=[(path.relative_to(LIBRARY).as_posix(), path.read_bytes()) for path in paths],
        out=tmp_path / "out/tuned",
        cache=tmp_path / "cache",
        minutes=0.06,
        tool="mixline 0.0",
        free_bytes=2**40,
        logits=prompt_logits,
    )


class Recorder:
    """Notes every step and may send a signal at one of them."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.steps: list[TunerStatus] = []
        self.stages: list[str] = []
        self._stop_at = stop_at

    def __call__(self, stage: str, status: TunerStatus | None) -> None:
        if status is None:
            self.stages.append(stage)
            return
        self.steps.append(status)
        if status.step == self._stop_at:
            os.kill(os.getpid(), signal.SIGTERM)


def test_a_better_model_is_written(request_of: FinetuneRequest) -> None:
    """Random weights learn at once: figures, note, and nothing left in the cache."""
    told = Recorder()
    report = finetune(request_of, told)

    assert report.bits_per_byte_after < report.bits_per_byte_before
    assert report.change == pytest.approx(
        report.bits_per_byte_after / report.bits_per_byte_before - 1, abs=1e-4
    )
    assert report.steps == told.steps[-1].step > 1
    assert told.stages[0] == "reading the model"
    assert "bits/byte before" in str(report)
    model = ModelDir.open(request_of.out, verify=True)
    assert model.manifest.produced_by.startswith("mixline 0.0 finetune, ")
    assert "from tiny (by mixline" in model.manifest.produced_by
    assert list(request_of.cache.iterdir()) == []


def test_a_stopped_run_goes_on_where_it_was(request_of: FinetuneRequest) -> None:
    """SIGTERM keeps the step in progress; the next run takes the rows that follow."""
    request = dataclasses.replace(request_of, minutes=5)
    with pytest.raises(FinetuneStoppedError, match="run the same command again"):
        finetune(request, Recorder(stop_at=3))

    assert not request.out.exists()
    (folder,) = request.cache.iterdir()
    assert oct(folder.stat().st_mode & 0o777) == "0o700"
    state = checkpoint.load(folder / checkpoint.LAST)[0]
    assert (state.step, state.rows_stable) == (3, 3 * finetune_tuner.ROWS)

    told = Recorder()
    again = dataclasses.replace(request, minutes=state.seconds / 60 + 0.03)
    report = finetune(again, told)
    assert told.steps[0].step == 4
    assert report.resumed
    assert list(request.cache.iterdir()) == []


def test_a_resumed_run_computes_what_an_unbroken_one_does(
    request_of: FinetuneRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three steps and a stop, then three more, end with the weights of six steps."""
    monkeypatch.setattr(finetune_tuner, "rate", lambda _share: 0.5)
    request = dataclasses.replace(request_of, minutes=5)
    weights = []
    for stops in ((3, 6), (6,)):
        for stop in stops:
            with pytest.raises(FinetuneStoppedError):
                finetune(request, Recorder(stop_at=stop))
        (folder,) = request.cache.iterdir()
        weights.append(checkpoint.load(folder / checkpoint.LAST)[1])
        (folder / checkpoint.LAST).unlink()

    for name, tensor in weights[0].items():
        torch.testing.assert_close(tensor, weights[1][name])


def test_a_killed_run_goes_on_from_its_last_checkpoint(
    request_of: FinetuneRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever ends it between two steps, at most the seconds since the checkpoint are lost."""
    monkeypatch.setattr(finetune_tuner, "CHECKPOINT_SECONDS", 0.0)

    def die(_stage: str, status: TunerStatus | None) -> None:
        if status is not None and status.step == 3:
            raise MemoryError

    with pytest.raises(MemoryError):
        finetune(dataclasses.replace(request_of, minutes=5), die)
    told = Recorder(stop_at=4)
    with pytest.raises(FinetuneStoppedError):
        finetune(dataclasses.replace(request_of, minutes=5), told)

    assert [status.step for status in told.steps] == [4]


def test_a_kill_while_measuring_repeats_no_step(
    request_of: FinetuneRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trained weights are on the disk before the last measurement begins."""

    def die(stage: str, _status: TunerStatus | None) -> None:
        if stage == "measuring the unseen files after":
            raise MemoryError

    monkeypatch.setattr(finetune_tuner, "CHECKPOINT_SECONDS", 1e9)
    with pytest.raises(MemoryError):
        finetune(request_of, die)
    told = Recorder()

    report = finetune(request_of, told)
    assert told.steps == []
    assert report.bits_per_byte_after < report.bits_per_byte_before
    assert report.steps >= 1


@pytest.mark.parametrize("damage", [b"", b"no checkpoint"])
def test_a_damaged_checkpoint_is_begun_anew(request_of: FinetuneRequest, damage: bytes) -> None:
    """It costs the time, nothing else."""
    with pytest.raises(FinetuneStoppedError):
        finetune(dataclasses.replace(request_of, minutes=5), Recorder(stop_at=2))
    (folder,) = request_of.cache.iterdir()
    (folder / checkpoint.LAST).write_bytes(damage)

    told = Recorder()
    assert not finetune(request_of, told).resumed
    assert told.steps[0].step == 1


def test_a_result_that_is_no_better_is_refused(
    request_of: FinetuneRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a learning rate nothing changes: both figures, no directory, no checkpoint."""
    monkeypatch.setattr(finetune_tuner, "rate", lambda _share: 0.0)
    request = dataclasses.replace(request_of, minutes=0.02)

    with pytest.raises(FinetuneError, match=r"not written: [\d.]+ bits/byte .* before, [\d.]+ aft"):
        finetune(request)

    assert not request.out.exists()
    assert list(request.cache.iterdir()) == []


def test_a_run_ends_when_the_code_was_passed_over_twice(
    request_of: FinetuneRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many minutes there are; a small workspace gets its least steps."""
    monkeypatch.setattr(finetune_tuner, "LEAST_STEPS", 3)
    monkeypatch.setattr(finetune_tuner, "PASSES", 0)
    told = Recorder()

    report = finetune(dataclasses.replace(request_of, minutes=60), told)

    assert report.steps == len(told.steps) == 3
    assert told.steps[-1].share == 1
    monkeypatch.setattr(finetune_tuner, "PASSES", 2)
    last = Recorder(stop_at=4)
    with pytest.raises(FinetuneStoppedError):
        finetune(dataclasses.replace(request_of, minutes=60, out=request_of.out / "b"), last)
    assert last.steps[-1].share < 1


def test_learning_by_heart_ends_the_run_with_the_best_weights(
    request_of: FinetuneRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Validation that gets worse and worse: back to the best weights, slower, and then the end."""
    bits = itertools.count(1.0)
    monkeypatch.setattr(Tuner, "_validate", lambda _self: next(bits))
    monkeypatch.setattr(finetune_tuner, "REST", 0.0)
    monkeypatch.setattr(finetune_tuner, "GROWTH", 0.0)
    monkeypatch.setattr(finetune_tuner, "rate", lambda _share: 1.0)
    peaks = []
    step = Tuner._step

    def noted(tuner: Tuner, scale: float) -> None:
        before = tuner.model.snapshot()
        step(tuner, scale)
        is_best = all(torch.equal(before[name], tensor) for name, tensor in tuner.best.items())
        peaks.append((scale, is_best))

    monkeypatch.setattr(Tuner, "_step", noted)
    told = Recorder()

    with pytest.raises(FinetuneError, match="no better"):
        finetune(dataclasses.replace(request_of, minutes=60), told)

    assert len(told.steps) == finetune_tuner.PATIENCE * (finetune_tuner.CUTS + 1)
    assert told.steps[-1].best_bits_per_byte == 1.0
    begins = [scale for scale, is_best in peaks if is_best]
    assert begins == pytest.approx([finetune_tuner.CUT**cut for cut in range(len(begins))])
    assert len(begins) == finetune_tuner.CUTS + 1


def test_a_graph_that_computes_something_else_is_refused(request_of: FinetuneRequest) -> None:
    """The written directory is run before it gets its name."""

    def wrong(path: Path, ids: np.ndarray) -> np.ndarray:
        return prompt_logits(path, ids) * np.float32(3.0)

    with pytest.raises(FinetuneError, match="from the written graph"):
        finetune(dataclasses.replace(request_of, logits=wrong))

    assert not request_of.out.exists()


def test_a_base_that_was_replaced_meanwhile_is_noticed(
    request_of: FinetuneRequest, tmp_path: Path
) -> None:
    """The trained weights would not fit the files that the new graph shares."""
    base = Path(shutil.copytree(request_of.base.path, tmp_path / "base"))
    request = dataclasses.replace(request_of, base=ModelDir.open(base))

    def replace(stage: str, _status: TunerStatus | None) -> None:
        if stage == "writing the model":
            manifest = dataclasses.replace(request.base.manifest, name="another")
            write_manifest(base, manifest)

    with pytest.raises(FinetuneError, match="expected the model that the run began with"):
        finetune(request, replace)

    assert not request.out.exists()
    assert list(request.cache.iterdir()) == []


def test_an_existing_target_is_refused_before_any_work(request_of: FinetuneRequest) -> None:
    """No minute is spent."""
    request_of.out.mkdir(parents=True)
    told = Recorder()

    with pytest.raises(FinetuneError, match="expected no such file or folder"):
        finetune(request_of, told)

    assert told.stages == []


def test_too_little_memory_is_refused(request_of: FinetuneRequest) -> None:
    """Both figures are named."""
    with pytest.raises(FinetuneError, match=r"expected 1\.\d GB of free memory .* found 0\.5 GB"):
        finetune(dataclasses.replace(request_of, free_bytes=5 * 10**8))


def test_a_second_run_at_the_same_time_is_refused(request_of: FinetuneRequest) -> None:
    """Two processes would overwrite each other's checkpoint."""
    with pytest.raises(FinetuneStoppedError):
        finetune(dataclasses.replace(request_of, minutes=5), Recorder(stop_at=1))
    (folder,) = request_of.cache.iterdir()

    with (
        checkpoint.locked(folder),
        pytest.raises(FinetuneError, match="expected no other fine-tuning"),
    ):
        finetune(request_of)


def test_rates_rise_and_fall() -> None:
    """Never 0 at the begin, 1 behind the rise, 0 at the end."""
    assert 0 < rate(0.0) < 0.1
    assert rate(finetune_tuner.WARMUP) == pytest.approx(1.0)
    assert rate((1 + finetune_tuner.WARMUP) / 2) == pytest.approx(0.5)
    assert rate(1.0) == 0.0
