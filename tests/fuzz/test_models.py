"""A short run over hostile model directories, and what such runs have found."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper  # noqa: TID251 - graphs to be refused

from inference import CompletionRequest, Engine, EngineConfig, MixlineError, ModelDirectoryError
from inference.model_dir import ModelDir
from inference.tokenizer import Tokenizer
from tests.fuzz.hostile_models import make_base
from tests.fuzz.models import fuzz


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A sound model."""
    return make_base(tmp_path / "made", "fp32")


def refusal(model: Path) -> str:
    """Return what opening it is refused with."""
    with pytest.raises(ModelDirectoryError) as caught:
        ModelDir.open(model)
    return str(caught.value)


def tell_size(model: Path, name: str) -> None:
    """Let the manifest say what a file has now."""
    manifest = json.loads((model / "manifest.json").read_text())
    manifest["files"][name]["bytes"] = (model / name).stat().st_size
    (model / "manifest.json").write_text(json.dumps(manifest))


def run_once(model: Path) -> str:
    """Complete something and return it."""
    with Engine.open(model, EngineConfig(threads=1)) as engine:
        request = CompletionRequest(document="x", path="x.py", prefix="def f(", suffix=")\n")
        return engine.submit(request).future.result(60).text


def test_fifty_hostile_directories() -> None:
    """Each is refused in one line or loads; `make fuzz-models` opens 10^5."""
    told = fuzz(seed=3, first=0, cases=50)

    assert told.failures == []
    assert told.outcomes.total() == 50
    assert told.outcomes["refused: ModelDirectoryError"] > 20
    assert told.outcomes["loaded"] > 0


def test_a_crash_is_recorded_and_the_next_case_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that ends early costs one case."""
    monkeypatch.setattr("tests.fuzz.models.sys.executable", shutil.which("false"))
    told = fuzz(seed=3, first=0, cases=2)

    assert told.outcomes["crashed or hung"] == 2
    assert "--first 1 --cases 1: ended with 1" in told.failures[1]


def test_a_pipe_in_the_place_of_the_manifest_does_not_hang(model: Path) -> None:
    """Found by the fuzzer: it was opened before it was looked at."""
    (model / "manifest.json").unlink()
    os.mkfifo(model / "manifest.json")

    assert "expected a plain file" in refusal(model)


def test_a_manifest_that_is_a_link_out_of_the_directory(model: Path, tmp_path: Path) -> None:
    """Found beside it: the other files were looked at, the manifest was not."""
    shutil.move(model / "manifest.json", tmp_path / "manifest.json")
    (model / "manifest.json").symlink_to(tmp_path / "manifest.json")

    assert "found a link to" in refusal(model)


def test_a_tokenizer_that_is_no_text_is_told_in_a_line(model: Path) -> None:
    """Found by the fuzzer: the message quoted the whole file."""
    path = model / "tokenizer.json"
    path.write_bytes(path.read_bytes() + b"\xff")
    with pytest.raises(ModelDirectoryError) as caught:
        Tokenizer.open(path)

    assert str(caught.value) == (
        f"expected a tokenizer.json at {path}, it cannot be read: it is not UTF-8"
    )


def test_a_name_of_a_graph_is_quoted_in_part(model: Path) -> None:
    """Found by the fuzzer: a message was as long as a stranger wished."""
    proto = onnx.load(model / "model.onnx", load_external_data=False)
    proto.graph.node[0].op_type = "Loop" * 5000
    (model / "model.onnx").write_bytes(proto.SerializeToString())
    tell_size(model, "model.onnx")

    assert "expected operators of the exporter" in (message := refusal(model))
    assert len(message) < 1000


def test_a_tokenizer_at_which_the_library_panics_is_refused(model: Path) -> None:
    """Found by the fuzzer: a panic is no Exception, so loading ended without an answer."""
    path = model / "tokenizer.json"
    spec = json.loads(path.read_text())
    spec["model"]["continuing_subword_prefix"] = "abc"
    path.write_text(json.dumps(spec))

    with pytest.raises(ModelDirectoryError, match="cannot be used"):
        Tokenizer.open(path)


@pytest.mark.parametrize("wrong", [4, -9, 2**31 - 1, -(2**31)])
def test_experts_that_a_graph_names_itself(model: Path, wrong: int) -> None:
    """Ids out of range, from the file instead of the router: one line, and nothing is read."""
    proto = onnx.load(model / "model.onnx", load_external_data=False)
    (experts,) = (node for node in proto.graph.node if node.op_type == "ExpertFFN")
    (router,) = (node for node in proto.graph.node if node.op_type == "ExpertRouter")
    ids = numpy_helper.from_array(np.full((1, 1), wrong, np.int32), "own.ids")
    proto.graph.initializer.append(ids)
    add = helper.make_node("Add", [router.output[0], "own.ids"], ["wrong.ids"])
    proto.graph.node.insert(list(proto.graph.node).index(experts), add)
    experts.input[1] = "wrong.ids"
    (model / "model.onnx").write_bytes(proto.SerializeToString())
    tell_size(model, "model.onnx")

    with pytest.raises(MixlineError, match="expert_ids: expected -1 to 3, got") as caught:
        run_once(model)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers(model: Path, number: float) -> None:
    """All of them: the router says so in one line."""
    size = (model / "weights.bin").stat().st_size
    np.full(size // 4, number, np.float32).tofile(model / "weights.bin")

    with pytest.raises(MixlineError, match="logits: expected finite numbers, got"):
        run_once(model)
