"""A whole model's graph for CUDA with CUDA's operators, over plain memory: the CPU's logits.

All but CUDA's own kernels: the operators' face, where experts are kept, fp16 between them, caches
on a device, inputs copied when they are bound.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference import survey
from inference.device import Device as Place
from inference.errors import MixlineError
from inference.loading import open_session
from inference.model_dir import ModelDir
from inference.ops.cuda_library import fault_reader
from inference.placement import ON_CPU
from inference.session import Session
from onnx_export import export_checkpoint
from tests.inference.ops.cuda_device import Device

IDS = np.random.default_rng(0).integers(0, 600, 300).tolist()
OPEN: dict[str, Any] = {"vocab": 600, "threads": 1}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path) -> ModelDir:
    """The tiny model with both graphs."""
    out = tmp_path_factory.mktemp("models") / "tiny"
    export_checkpoint(tiny_checkpoint, out, weights="int4", providers=("cpu", "cuda"))
    return ModelDir.open(out)


def opened(model: ModelDir, fake: Device, resident_bytes: int = 0) -> Session:
    """Open the graph for CUDA on plain memory."""
    return Session(
        model.graphs["cuda"],
        library=fake.path,
        kv_shape=survey.kv_shape(model, "cuda"),
        device=Place(is_remote=True, resident_bytes=resident_bytes),
        take_faults=fault_reader(fake.path),
        **OPEN,
    )


def logits(session: Session, *, steps: int = 0) -> Any:
    """Run a prompt that makes the caches grow, and some tokens one by one; all their logits."""
    kv = session.new_cache()
    kv.reserve(10, 1000)
    rows = []
    for start, end in ((0, 200), (200, 290), *((at, at + 1) for at in range(290, 290 + steps))):
        kv.reserve(end, 1000)
        rows.append(session.run_scored(kv, IDS[start:end], 0, 1.0))
    return np.concatenate(rows)


def errors(found: Any, expected: Any) -> Any:
    """L2 norm of the difference over that of the expected, of each position."""
    return np.linalg.norm(found - expected, axis=-1) / np.linalg.norm(expected, axis=-1)


def test_whole_model_agrees_with_the_cpu(model: ModelDir, fake: Device) -> None:
    """The CPU's graph rounds activations to 8 bits, CUDA's to fp16."""
    expected = logits(open_session(model, 1, ON_CPU), steps=10)

    found = logits(opened(model, fake), steps=10)

    assert np.median(errors(found, expected)) < 0.05
    assert (found.argmax(-1) == expected.argmax(-1)).mean() > 0.8


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_experts_that_do_not_fit_change_nothing(
    share: float, model: ModelDir, fake: Device
) -> None:
    """Which of them are in GPU memory moves with the prompt; the logits stay."""
    sizes = survey.cuda_sizes(model)
    assert sizes is not None
    expected = logits(opened(model, fake), steps=10)

    session = opened(model, fake, resident_bytes=int(share * sizes.experts))
    found = logits(session, steps=10)

    np.testing.assert_array_equal(found, expected)
    assert 0 < fake.totals().expert_bytes <= share * sizes.experts
    del session


def test_what_a_kernel_notes_is_an_error_of_that_run(model: ModelDir, fake: Device) -> None:
    """A GPU's kernels cannot raise; the slot holds what it held, and the next run is asked anew."""
    noted = [["ExpertRouter 'x': expected finite logits, got others"], []]
    session = Session(
        model.graphs["cuda"],
        library=fake.path,
        kv_shape=survey.kv_shape(model, "cuda"),
        device=Place(is_remote=True),
        take_faults=lambda: noted.pop(0),
        **OPEN,
    )
    kv = session.new_cache()
    kv.reserve(10, 1000)
    with pytest.raises(MixlineError, match="graph failed: ExpertRouter 'x': expected finite"):
        session.run(kv, [1, 2], 1.0)
    assert kv.tokens == []
    session.run(kv, [1, 2], 1.0)
    assert kv.tokens == [1, 2]


def test_sizes_are_what_the_operators_take(model: ModelDir, fake: Device) -> None:
    """What decides about the placement counts the bytes that the operators then upload."""
    sizes = survey.cuda_sizes(model)
    session = opened(model, fake)
    logits(session)

    assert sizes is not None
    assert sizes.experts == fake.totals().expert_bytes
    assert sizes.kv_token == 2 * 2 * 2 * 32 * 2  # layers, key and value, heads, dims, bytes
    del session
