"""The network for fine-tuning computes what the exported graph computes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from inference.logits import prompt_logits  # noqa: E402 - torch first
from inference.model_dir import ModelDir  # noqa: E402
from onnx_export import read_weights, write_adapted  # noqa: E402
from training.finetune_model import TunedModel  # noqa: E402

IDS = np.arange(20, 60, dtype=np.int64)


def network(path: Path, rank: int = 4) -> TunedModel:
    """Read a model directory."""
    model = ModelDir.open(path)
    return TunedModel(model.manifest.architecture, read_weights(model), rank=rank)


def logits(model: TunedModel) -> np.ndarray:
    """Logits of `IDS`."""
    with torch.no_grad():
        return np.asarray(model.logits(torch.from_numpy(IDS)[None])[0])


@pytest.mark.parametrize(
    "sizes", [{}, {"head_dim": 24}, {"tied": False}, {"norm_topk": False}, {"kv_heads": 4}]
)
def test_logits_are_the_graphs(
    make_random_model: Callable[..., Path], sizes: dict[str, int]
) -> None:
    """Before any step: with padded heads, an untied head, and weights that are not normalised."""
    path = make_random_model(weights="fp32", **sizes)

    np.testing.assert_allclose(logits(network(path)), prompt_logits(path, IDS), atol=2e-4)


def test_logits_are_the_graphs_after_a_step(
    make_random_model: Callable[..., Path], tmp_path: Path
) -> None:
    """The written directory computes with every kind of weight that was trained."""
    base = make_random_model(weights="fp32", head_dim=24)
    model = network(base)
    before = logits(model)
    ids = torch.from_numpy(IDS)[None]
    model(ids[:, :-1], ids[:, 1:], -1).nats.backward()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not name.endswith(".down"):  # no gradient yet, where the other half is zero
                assert float(parameter.grad.abs().max()) > 0, name
            parameter.add_(torch.full_like(parameter, 0.02))

    out = tmp_path / "tuned"
    write_adapted(ModelDir.open(base), out, model.tuned(), produced_by="a test")
    after = logits(model)
    assert np.abs(after - before).max() > 0.1
    np.testing.assert_allclose(prompt_logits(out, IDS), after, atol=2e-4)
    np.testing.assert_allclose(logits(network(out)), after, atol=1e-5)


def test_only_adapters_routers_and_norms_are_trained(
    make_random_model: Callable[..., Path],
) -> None:
    """No parameter is as large as the matrices that stay frozen."""
    model = network(make_random_model(), rank=2)

    kinds = {name.rsplit(".", 1)[-1] for name, _ in model.named_parameters()}
    assert kinds == {
        *("down", "up", "router", "norm"),
        *("input_norm", "post_attention_norm", "query_norm", "key_norm"),
    }
    assert set(model.state_dict()) == {name for name, _ in model.named_parameters()}


def test_restore_takes_back_a_snapshot(make_random_model: Callable[..., Path]) -> None:
    """A snapshot is a copy."""
    model = network(make_random_model())
    before, snapshot = logits(model), model.snapshot()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1)
    assert np.abs(logits(model) - before).max() > 0.01

    model.restore(snapshot)
    np.testing.assert_array_equal(logits(model), before)
