"""How often an expert is in the GPU's cache when not all fit: real routing, our cache, no GPU.

    python benchmarks/expert_cache.py LIBRARY FILE... [--model DIR] [--tokens N]

LIBRARY is tests/native's libmixline_ops_fake_gpu.so. The model reads the files on the processor,
each from its beginning; which experts every 32 of its tokens chose is given to the cache of each
layer as 32 calls of one token. Prints hits as a share of uses, beside the share of experts that are
resident, which is what a cache of any experts would have.
"""

import argparse
import ctypes
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from evaluation.operators.onnx_graph import Call, StoredTensor, Value, serialize_graph
from inference.model_dir import default_model
from inference.ops import layout
from inference.ops.library import count_experts, expert_counts
from inference.scoring import Scorer

PIECE: Final = 32
SIZE: Final = 32  # of the stand-ins for experts: what counts is which are used
SHARES: Final = (0.25, 0.5, 0.75)

Uses = npt.NDArray[np.int64]


class Totals(ctypes.Structure):
    """ExpertTotals of expert_ffn_cuda_op.h."""

    _fields_ = tuple(
        (name, ctypes.c_int64) for name in ("device_bytes", "expert_bytes", "uses", "hits")
    )


def read_uses(scorer: Scorer, path: Path, tokens: int) -> Iterator[Uses]:
    """Yield, for every 32 tokens of a file, how often each layer chose each expert."""
    ids = [scorer.start_id, *scorer.tokenizer.encode(path.read_text("utf-8"))][:tokens]
    before: Uses | None = None
    for end in range(PIECE, len(ids) + 1, PIECE):
        count_experts(on=True)
        scorer.nats(ids[:end], end - 1)
        now = np.array(list(expert_counts().values()), np.int64)
        count_experts(on=False)
        yield now if before is None else now - before
        before = now


def stand_ins(folder: Path, experts: int) -> Path:
    """Write a graph of one ExpertFFN with small experts."""
    rng = np.random.default_rng(0)
    gate, up, down = rng.standard_normal((3, experts, SIZE, SIZE), dtype=np.float32)
    tensors = {
        "gate_up": layout.pack_gate_up("int4", SIZE, gate, up),
        "down": layout.pack("int4", SIZE, down),
    }
    stored, offset = [], 0
    for name, array in tensors.items():
        stored.append(
            StoredTensor(
                name=name,
                dims=array.shape,
                element_type="uint8",
                location="experts.bin",
                offset=offset,
                num_bytes=array.nbytes,
            )
        )
        offset += array.nbytes
    (folder / "experts.bin").write_bytes(b"".join(a.tobytes() for a in tensors.values()))
    call = Call(
        op_type="ExpertFFN",
        domain="mixline",
        inputs=("x", "ids", "weights", *tensors),
        outputs=("y",),
        attributes={"activation": "swiglu", "weight_format": "int4", "expert_hidden": SIZE},
    )
    inputs = [
        Value(name="x", dims=("t", SIZE)),
        Value(name="ids", dims=("t", "k"), element_type="int32"),
        Value(name="weights", dims=("t", "k")),
    ]
    graph = folder / "experts.onnx"
    graph.write_bytes(serialize_graph([call], inputs, [Value(name="y", dims=("t", SIZE))], stored))
    return graph


def hit_rate(library: Path, graph: Path, pieces: Sequence[Uses], share: float) -> float:
    """Give the pieces to a cache in each layer; return hits as a share of uses."""
    layers, experts = pieces[0].shape
    k = int(pieces[1][0].sum()) // PIECE  # a file's first piece lacks a token
    size = graph.with_name("experts.bin").stat().st_size
    uses = hits = 0
    for layer in range(layers):
        options = ort.SessionOptions()
        options.register_custom_ops_library(str(library))
        # A little more than the share, which is rounded down.
        options.add_session_config_entry("mixline.resident_bytes", str(int(share * size) + 1))
        session = ort.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
        rng = np.random.default_rng(layer)
        x = np.ones((1, SIZE), np.float32)
        for piece in pieces:
            used = rng.permutation(np.repeat(np.arange(experts), piece[layer])).astype(np.int32)
            for ids in used.reshape(-1, 1, k):
                shares = np.ones(ids.shape, np.float32)
                session.run(None, {"x": x, "ids": ids, "weights": shares})
        totals = Totals()
        ctypes.CDLL(str(library)).mixline_cuda_totals(ctypes.byref(totals))
        uses, hits = uses + totals.uses, hits + totals.hits
        del session
    return hits / uses


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("library", type=Path)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--model", type=Path, default=None)
    parser.add_argument("--tokens", type=int, default=768)
    options = parser.parse_args()
    scorer = Scorer.open(options.model or default_model(), 1)
    pieces = [u for path in options.files for u in read_uses(scorer, path, options.tokens)]
    print(f"{len(pieces) * PIECE} tokens, {len(pieces[0])} layers of {pieces[0].shape[1]} experts")
    with tempfile.TemporaryDirectory() as folder:
        graph = stand_ins(Path(folder), pieces[0].shape[1])
        for share in SHARES:
            print(f"{share:.0%} resident: {hit_rate(options.library, graph, pieces, share):.1%}")


if __name__ == "__main__":
    main()
