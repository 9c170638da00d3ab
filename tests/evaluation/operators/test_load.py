"""Opening is measured in a process of its own, memory by memory."""

import mmap
from pathlib import Path

import numpy as np
import pytest

from evaluation.operators.load import mapped_bytes, measure_load, process_memory
from evaluation.operators.shapes import OpShape
from evaluation.operators.sides import Side, store
from evaluation.operators.weights import draw_weights
from inference.errors import MixlineError
from inference.ops import library

LARGER = OpShape(name="larger", hidden=512, expert_hidden=512, experts=64, experts_per_token=2)


@pytest.mark.parametrize("side", ["mixline", "qmoe"])
def test_ours_maps_its_experts_and_qmoe_copies_all(tmp_path: Path, side: Side) -> None:
    """28 MB of weights: one token of ours maps 1 MB of them; QMoE repacks all of them."""
    ours, theirs = draw_weights(LARGER, "int4", np.random.default_rng(0))
    experts = ours if side == "mixline" else theirs
    stored = store(side, LARGER, "int4", experts, tmp_path)
    cost = measure_load(stored.graph, library.library_path(), 2)
    token, everything = (count * experts.bytes_per_expert() for count in (2, 64))

    assert cost.open_ms > 0
    assert cost.peak_bytes > 0
    if side == "mixline":
        assert 0.95 * token <= cost.weight_file_bytes <= 1.1 * token
        assert cost.weight_file_bytes <= cost.file_bytes
        assert cost.anonymous_bytes < 16 * 2**20
    else:
        assert cost.anonymous_bytes > 0.9 * everything


def test_a_graph_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    """The process's last line, without a traceback around it."""
    graph = tmp_path / "none.onnx"

    with pytest.raises(MixlineError, match=r"none\.onnx in a process of its own failed: .*none"):
        measure_load(graph, library.library_path(), 2)


def test_resident_pages_of_a_mapped_file_are_counted(tmp_path: Path) -> None:
    """None before it is mapped, all of them after every page was touched."""
    path = tmp_path / "data.bin"
    path.write_bytes(bytes(2**20))
    before = mapped_bytes(path)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        assert sum(data[::4096]) == 0
        after = mapped_bytes(path)

    assert (before, after) == (0, 2**20)
    assert mapped_bytes(path, Path("/none")) == 0


def test_memory_is_read_from_the_system() -> None:
    """This process has some of each kind; where Linux's files are missing there is nothing."""
    memory = process_memory()

    assert memory.anonymous > 0
    assert memory.file > 0
    assert memory.peak >= memory.anonymous
    assert process_memory(Path("/none")).peak == 0
