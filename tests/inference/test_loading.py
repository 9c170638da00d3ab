"""What cannot be loaded is refused in one clear sentence."""

import os
import shutil
import threading
from pathlib import Path

import pytest

import inference
from inference import Engine, EngineConfig, ModelDirectoryError, OperatorLibraryError
from inference.errors import OutOfMemoryError
from tests.inference.engine_runs import TIMEOUT_S, MakeRequest, complete


def test_missing_library_is_one_clear_sentence(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken away, the operator library is named with what to do."""
    monkeypatch.setattr(inference.ops, "__path__", [str(tmp_path)])

    with pytest.raises(OperatorLibraryError, match=r"libmixline_ops\.so.*pip install"):
        Engine.open(model)


def test_unknown_kernel_is_refused(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forced kernel that does not exist stops the start, not the first token."""
    monkeypatch.setenv("MIXLINE_ISA", "abacus")

    with pytest.raises(OperatorLibraryError, match="abacus"):
        Engine.open(model)


def test_damaged_directory_is_refused(model: Path, tmp_path: Path) -> None:
    """Missing, truncated and contradicting parts, each with its own error."""
    with pytest.raises(ModelDirectoryError, match="nowhere"):
        Engine.open(tmp_path / "nowhere")
    for name in ("weights.bin", "tokenizer.json", "model.onnx", "manifest.json"):
        damaged = tmp_path / name
        shutil.copytree(model, damaged)
        os.truncate(damaged / name, (damaged / name).stat().st_size // 2)
        with pytest.raises(ModelDirectoryError, match="expected"):
            Engine.open(damaged)
    unmarked = tmp_path / "unmarked"
    shutil.copytree(model, unmarked)
    manifest = (unmarked / "manifest.json").read_text().replace('"layers": 2', '"layers": 3')
    (unmarked / "manifest.json").write_text(manifest)
    with pytest.raises(ModelDirectoryError):
        Engine.open(unmarked)


def limited(monkeypatch: pytest.MonkeyPatch, left: int) -> None:
    """Let a limit on this process leave so many bytes once a model is loaded."""
    monkeypatch.setattr("inference.loading.address_space_left", lambda: left)


def test_memory_for_what_comes_later_is_left_or_missed_at_once(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys and values get a quarter of what is not set aside; with less nothing starts."""
    config = EngineConfig(kv_slots=1000, spare_bytes=100 << 20)
    limited(monkeypatch, 140 << 20)
    with Engine.open(model, config) as engine:
        shape = engine._generator.cache.shape
        planned = engine.status().kv_budget_tokens * shape.bytes_per_token
    limited(monkeypatch, 99 << 20)

    assert (9 << 20) < planned <= (10 << 20)
    with pytest.raises(OutOfMemoryError, match=r"not enough memory.* 100 MB are needed, 99 MB are"):
        Engine.open(model, config)


def test_a_thread_that_is_not_given_is_told(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found under a limit on memory: the user read of a RuntimeError."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)

    with pytest.raises(OutOfMemoryError, match="not enough memory to start another thread"):
        Engine.open(model)


def test_memory_that_runs_out_costs_one_request(
    model: Path, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was kept for other prompts is given up, which makes room for the next request."""
    with Engine.open(model) as engine:
        complete(engine, make_request())
        assert engine.status().kv_tokens
        with monkeypatch.context() as patch:
            patch.setattr("inference.kv_cache.KvCache.reserve", out_of_memory)
            future = engine.submit(make_request(document="other")).future
            with pytest.raises(OutOfMemoryError, match="not enough memory to complete this"):
                future.result(TIMEOUT_S)
        left = engine.status().kv_tokens

        assert left == 0
        assert complete(engine, make_request()).text


def out_of_memory(*_: object) -> None:
    """Do as an allocation does that fails."""
    raise MemoryError
