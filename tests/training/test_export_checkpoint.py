"""Hugging Face checkpoints: transformers loads them and computes the same."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file  # noqa: E402

from onnx_export import export_checkpoint as export_to_model_directory  # noqa: E402
from training import checkpoint  # noqa: E402 - torch first
from training.checkpoint import State  # noqa: E402
from training.errors import CheckpointError  # noqa: E402
from training.export_checkpoint import export_checkpoint, open_model  # noqa: E402
from training.model import Model  # noqa: E402
from training.quantise import rounded  # noqa: E402
from training.recipe import load_recipe  # noqa: E402
from training.tokenizer import load_plain  # noqa: E402


@pytest.fixture
def model() -> Model:
    """The tiny recipe's model, norms included random."""
    made = Model(load_recipe("tiny").model)
    made.initialise(1)
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) * 0.2)
    return made


@pytest.fixture
def saved(model: Model, tmp_path: Path) -> Path:
    """Its training checkpoint."""
    path = tmp_path / "last.pt"
    checkpoint.save(path, State(), model.state_dict(), {}, asdict(model.config))
    return path


def test_transformers_computes_the_same(
    model: Model, saved: Path, tokenizer_path: Path, tmp_path: Path
) -> None:
    """Every weight has its right name and every key of the configuration its right value."""
    transformers = pytest.importorskip("transformers")
    export_checkpoint(saved, tokenizer_path, tmp_path / "hf")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "hf").eval()
    ids = torch.randint(16, 1024, (2, 200))

    with torch.no_grad():
        expected, found = theirs(ids).logits, model.logits(ids)

    assert (found - expected).norm() <= 1e-5 * expected.norm()


def test_transformers_tokenizes_the_same(saved: Path, tokenizer_path: Path, tmp_path: Path) -> None:
    """The tokenizer comes along with its end-of-text marker."""
    transformers = pytest.importorskip("transformers")
    export_checkpoint(saved, tokenizer_path, tmp_path / "hf")
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path / "hf")
    text = "def f(x):\n        return x + 1\n"

    assert theirs(text).input_ids == load_plain(tokenizer_path).encode(text).ids
    assert (theirs.eos_token_id, theirs.pad_token_id) == (0, 1)


def test_configuration_leaves_nothing_to_guess(
    saved: Path, tokenizer_path: Path, tmp_path: Path
) -> None:
    """Keys whose defaults differ between readers are written out, old and new names alike."""
    export_checkpoint(saved, tokenizer_path, tmp_path / "hf")
    config = json.loads((tmp_path / "hf" / "config.json").read_text())

    assert config["norm_topk_prob"] is True
    assert config["decoder_sparse_step"] == 1
    assert config["mlp_only_layers"] == []
    assert config["num_experts"] == config["num_local_experts"] == 8
    assert config["rope_theta"] == config["rope_parameters"]["rope_theta"] == 10000.0
    assert config["tie_word_embeddings"] is True


def test_rounded_weights_survive_int4(saved: Path, tokenizer_path: Path, tmp_path: Path) -> None:
    """The int4 export of rounded matrices is that of the full ones, and loses nothing."""
    for name, finish in (("full", False), ("rounded", True)):
        export_checkpoint(saved, tokenizer_path, tmp_path / name, rounded=finish)
        export_to_model_directory(tmp_path / name, tmp_path / f"{name}-int4", weights="int4")
    written = [
        (tmp_path / f"{name}-int4" / "weights.bin").read_bytes() for name in ("full", "rounded")
    ]
    full, rounded_once = (
        load_file(tmp_path / name / "model.safetensors") for name in ("full", "rounded")
    )
    projection = "model.layers.0.mlp.experts.0.gate_proj.weight"
    router = "model.layers.0.mlp.gate.weight"

    assert written[0] == written[1]
    assert torch.equal(rounded_once[projection], rounded(full[projection]))
    assert not torch.equal(rounded_once[projection], full[projection])
    assert torch.equal(rounded_once[router], full[router])


def test_weights_of_another_shape_are_refused(model: Model, tmp_path: Path) -> None:
    """A checkpoint must agree with itself."""
    config = asdict(model.config) | {"hidden": 32}
    checkpoint.save(tmp_path / "bad.pt", State(), model.state_dict(), {}, config)

    with pytest.raises(CheckpointError, match="expected weights of one model"):
        open_model(tmp_path / "bad.pt")
