"""Weights in parts: small, complete, and what the exporter would make of them."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from inference.ops.layout import dequantize, quantize  # noqa: E402 - torch first
from training import checkpoint  # noqa: E402
from training.checkpoint import State  # noqa: E402
from training.errors import ParcelError  # noqa: E402
from training.model import Model  # noqa: E402
from training.quantise import is_quantised, rounded  # noqa: E402
from training.recipe import load_recipe  # noqa: E402
from training.weight_parts import join, split  # noqa: E402

# 40 columns of the experts' second matrix: no whole number of blocks
CONFIG = replace(load_recipe("tiny").model, expert_hidden=41)


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, Model]:
    """A checkpoint of a random model."""
    model = Model(CONFIG)
    model.initialise(1)
    path = tmp_path / "run.pt"
    checkpoint.save(path, State(step=7, tokens=9), model.state_dict(), {}, asdict(CONFIG))
    return path, model


def test_int4_is_what_the_exporter_stores(saved: tuple[Path, Model], tmp_path: Path) -> None:
    """Rounded once, and not again by the exporter; the embedding in int8, the rest as it was."""
    path, model = saved
    parts = split(path, tmp_path / "parts", form="int4", part_bytes=50_000)
    state = join(tmp_path / "parts", tmp_path / "joined.pt", form="int4")

    found = checkpoint.load(tmp_path / "joined.pt")
    assert len(parts) > 3
    assert all(part.stat().st_size <= 50_000 for part in parts[1:])
    assert (state.step, state.tokens) == (7, 9)
    assert found[3] == asdict(CONFIG)
    for name, weight in model.state_dict().items():
        if is_quantised(name, weight):
            assert torch.equal(found[1][name], rounded(weight)), name
            assert torch.equal(rounded(found[1][name]), found[1][name]), name
        elif name == "embedding":
            expected = dequantize(*quantize(weight.numpy(), "int8", 32), 32)
            assert torch.equal(found[1][name], torch.from_numpy(expected))
        else:
            assert torch.equal(found[1][name], weight), name


def test_bf16_keeps_the_master(saved: tuple[Path, Model], tmp_path: Path) -> None:
    """Matrices to 8 bits of precision, norms in full."""
    path, model = saved
    split(path, tmp_path / "parts", form="bf16")
    join(tmp_path / "parts", tmp_path / "joined.pt", form="bf16")

    for name, weight in checkpoint.load(tmp_path / "joined.pt")[1].items():
        expected = model.state_dict()[name]
        assert torch.equal(weight, expected.bfloat16().float() if weight.dim() > 1 else expected)


def test_missing_or_damaged_parts_are_refused(saved: tuple[Path, Model], tmp_path: Path) -> None:
    """The sentence says what to do."""
    parts = split(saved[0], tmp_path / "parts", form="int4", part_bytes=50_000)
    whole = parts[1].read_bytes()

    parts[1].write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(ParcelError, match="collect the parts again"):
        join(tmp_path / "parts", tmp_path / "joined.pt", form="int4")
    parts[1].unlink()
    with pytest.raises(ParcelError, match=r"expected weights-int4\.json and its parts"):
        join(tmp_path / "parts", tmp_path / "joined.pt", form="int4")
