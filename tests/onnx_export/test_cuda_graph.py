"""The graph for CUDA: one set of weights, kernels for every node, the CPU graph's numbers."""

import json
import mmap
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from inference.model_dir import ModelDir
from inference.ops.library import library_path
from onnx_export import export_checkpoint, pipeline
from onnx_export.arch import FAMILIES, read_spec
from onnx_export.graph.builder import tensor_values
from onnx_export.graph.cuda import cuda_graph
from onnx_export.hf_config import HfConfig
from onnx_export.parameters import estimated_cuda_bytes
from onnx_export.quantize.plan import plan
from onnx_export.random_checkpoint import qwen3_moe_config, write_random_checkpoint
from onnx_export.safetensors_file import open_safetensors, write_safetensors
from onnx_export.verify import relative_errors
from onnx_export.write import WeightFile

HERE = Path(__file__).parent
FAMILY_CASES = json.loads((HERE / "arch/golden_families.json").read_text("utf-8"))
BOTH = ("cpu", "cuda")
Make = Callable[[str], Path]

# Types for which ONNX Runtime's CUDA provider has a kernel, by the operator's inputs in order; the
# last counts for all further ones. From its docs/OperatorKernels.md, the versions that opset 18
# calls; of types that do not occur here, nothing.
HALF, FLOATS = {"float16"}, {"float", "float16"}
NUMBERS = FLOATS | {"int32", "int64"}
ANY = NUMBERS | {"uint8"}
INDEX = {"int32", "int64"}
KERNELS: dict[str, tuple[set[str], ...]] = {
    "Add": (NUMBERS,),
    "Cast": (ANY,),
    "Clip": (FLOATS,),
    "Concat": (ANY,),
    "Gather": (ANY, INDEX),
    "Gemm": (FLOATS,),
    "GroupQueryAttention": (*[HALF] * 5, {"int32"}, {"int32"}, HALF),
    "MatMulNBits": (FLOATS, {"uint8"}, FLOATS),
    "Mul": (NUMBERS,),
    "Reshape": (ANY, {"int64"}),
    "Shape": (ANY,),
    "Sigmoid": (FLOATS,),
    "SimplifiedLayerNormalization": (FLOATS,),
    "SkipSimplifiedLayerNormalization": (FLOATS,),
    "Slice": (ANY, INDEX),
    "Split": (ANY, {"int64"}),
    "Squeeze": (ANY, {"int64"}),
    "Sub": (NUMBERS,),
}
# And those of our library: inference/ops/native/cuda.
FLOAT, BYTES = {"float"}, {"uint8"}
OURS: dict[str, tuple[set[str], ...]] = {
    "ExpertFFN": (HALF, {"int32"}, FLOAT, BYTES, BYTES, FLOAT),
    "ExpertRouter": (FLOAT,),
}


# How a kernel's class is called in the provider's library, by the type that the graph computes in;
# operators whose class is one for all types are left out.
SPELLED = {"float": "f", "float16": "NS_9MLFloat16E", "int32": "i", "int64": "l"}
CLASSES: dict[str, Callable[[str], str]] = {
    "Add": "4cuda3AddI{}EE".format,
    "Gemm": "4cuda4GemmI{}EE".format,
    "MatMulNBits": "7contrib4cuda11MatMulNBitsI{}EE".format,
    "Mul": "4cuda3MulI{}EE".format,
    "Sigmoid": "4cuda7SigmoidI{}EE".format,
    "SkipSimplifiedLayerNormalization": "7contrib4cuda13SkipLayerNormI{}Lb1EEE".format,
    "Sub": "4cuda3SubI{}EE".format,
}
FIXED = (  # LayerNorm of f32 and of fp16, both simplified; attention of fp16 with an fp16 cache
    "N11onnxruntime4cuda9LayerNormIfffLb1EEE",
    "N11onnxruntime4cuda9LayerNormINS_9MLFloat16EfS2_Lb1EEE",
    "N11onnxruntime7contrib4cuda19GroupQueryAttentionINS_9MLFloat16ES3_EE",
)


def value_types(graph: Path, stand_in: Path) -> dict[str, str]:
    """Return the type of every value of a graph, as ONNX Runtime's own checks infer it."""
    model = onnx.load(stand_in, load_external_data=False)
    shown = {value.name for value in model.graph.output}
    for node in model.graph.node:
        model.graph.output.extend(
            onnx.ValueInfoProto(name=name) for name in node.output if name and name not in shown
        )
    path = graph.with_name("all_outputs.onnx")
    path.write_bytes(model.SerializeToString())
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.register_custom_ops_library(str(library_path()))
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    values = [*session.get_inputs(), *session.get_outputs()]
    types = {value.name: value.type.removeprefix("tensor(")[:-1] for value in values}
    names = {onnx.TensorProto.FLOAT: "float"}
    for tensor in model.graph.initializer:
        kind = names.get(tensor.data_type)
        types[tensor.name] = kind or onnx.TensorProto.DataType.Name(tensor.data_type).lower()
    return types


def places(graph: Path) -> dict[str, tuple[str, int]]:
    """Return file and offset of each initialiser that is not inside the graph."""
    found = {}
    for tensor in onnx.load(graph, load_external_data=False).graph.initializer:
        place = {entry.key: entry.value for entry in tensor.external_data}
        if place:
            found[tensor.name] = place["location"], int(place["offset"])
    return found


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: Path) -> Make:
    """Make a small random checkpoint of a family."""
    made: dict[str, Path] = {}

    def make(case: str) -> Path:
        if case not in made:
            made[case] = tmp_path_factory.mktemp("families") / "checkpoint"
            config = FAMILY_CASES["common"] | FAMILY_CASES["cases"][case]
            write_random_checkpoint(made[case], config, tiny_tokenizer, seed=FAMILY_CASES["seed"])
        return made[case]

    return make


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory, checkpoint: Make) -> Make:
    """Export it with both graphs."""
    made: dict[str, Path] = {}

    def make(case: str) -> Path:
        if case not in made:
            made[case] = tmp_path_factory.mktemp("models") / case
            export_checkpoint(checkpoint(case), made[case], weights="int4", providers=BOTH)
        return made[case]

    return make


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path) -> Path:
    """The tiny model of the shipped one's family, with both graphs."""
    out = tmp_path_factory.mktemp("models") / "tiny"
    export_checkpoint(tiny_checkpoint, out, weights="int4", providers=BOTH)
    return out


@pytest.mark.parametrize("case", FAMILY_CASES["cases"])
def test_every_node_has_a_kernel_in_its_types(
    case: str, export: Make, stand_in: Callable[[Path], Path]
) -> None:
    """Of ONNX Runtime's CUDA provider or of our library: nothing goes back to the CPU."""
    graph = export(case) / "model.cuda.onnx"
    types = value_types(graph, stand_in(graph))

    for node in onnx.load(graph, load_external_data=False).graph.node:
        allowed = (OURS if node.domain == "mixline" else KERNELS)[node.op_type]
        found = [types[name] if name else None for name in node.input]
        for index, kind in enumerate(found):
            assert kind is None or kind in allowed[min(index, len(allowed) - 1)], (node, found)
        if node.op_type == "MatMulNBits":
            assert "accuracy_level" not in {attribute.name for attribute in node.attribute}


PROVIDER_LIBRARY = Path(ort.__file__).parent / "capi/libonnxruntime_providers_cuda.so"


@pytest.mark.skipif(not PROVIDER_LIBRARY.is_file(), reason="this onnxruntime is for the CPU alone")
def test_installed_provider_has_these_kernels(
    export: Make, stand_in: Callable[[Path], Path]
) -> None:
    """The classes of the kernels stand in the library that would run the graph."""
    wanted = set(FIXED)
    for case in FAMILY_CASES["cases"]:
        graph = export(case) / "model.cuda.onnx"
        types = value_types(graph, stand_in(graph))
        for node in onnx.load(graph, load_external_data=False).graph.node:
            if node.op_type in CLASSES:
                kind = SPELLED[types[node.input[0]]]
                wanted.add("N11onnxruntime" + CLASSES[node.op_type](kind))
    assert len(wanted) > len(FIXED) + len(CLASSES)

    with (
        PROVIDER_LIBRARY.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as library,
    ):
        assert {name for name in wanted if library.find(b"\0" + name.encode() + b"\0") < 0} == set()


@pytest.mark.parametrize("case", FAMILY_CASES["cases"])
def test_graph_passes_onnx_checks(case: str, export: Make) -> None:
    """Shape inference and the checker of onnx, with ONNX Runtime's operators in their domain."""
    path = export(case)
    model = onnx.load(path / "model.cuda.onnx", load_external_data=False)
    for node in model.graph.node:
        if node.op_type == "SimplifiedLayerNormalization":  # which ONNX Runtime adds to ONNX's own
            node.domain = "com.microsoft"
    (path / "renamed.onnx").write_bytes(model.SerializeToString())

    onnx.checker.check_model(path / "renamed.onnx", full_check=True)


@pytest.mark.parametrize("case", FAMILY_CASES["cases"])
def test_both_graphs_read_the_same_weights(case: str, export: Make) -> None:
    """Whatever both have stands in one place; what CUDA alone has are fp16 copies of vectors."""
    path = export(case)
    cpu, cuda = places(path / "model.onnx"), places(path / "model.cuda.onnx")

    assert {name for name in cpu if name.endswith((".gate_up", ".down", ".values"))} <= set(cuda)
    assert {name: cpu[name] for name in set(cuda) & set(cpu)} == {
        name: cuda[name] for name in set(cuda) & set(cpu)
    }
    assert {place[0] for place in cuda.values()} == {"weights.bin"}
    graph = onnx.load(path / "model.cuda.onnx", load_external_data=False).graph
    known = {
        t.name for t in onnx.load(path / "model.onnx", load_external_data=False).graph.initializer
    }
    added = {t.name for t in graph.initializer} - known
    halves = {t.name for t in graph.initializer if t.data_type == onnx.TensorProto.FLOAT16}
    assert {name for name in added if not name.startswith(("cuda.", "positions."))} == halves
    assert {name.removesuffix(".f16") for name in halves} <= known
    matrices = {t.name for t in graph.initializer if t.name in halves and len(t.dims) > 1}
    tables = (".scales.f16", ".cosines.f16", ".sines.f16")
    assert {name for name in matrices if not name.endswith(tables)} == set()


def test_weights_grow_by_little(tmp_path: Path, tiny_tokenizer: Path) -> None:
    """By scales and biases of dense products, norms of heads and angles: here some per cent."""
    config = qwen3_moe_config(
        vocab=600,
        hidden=256,
        layers=2,
        heads=8,
        kv_heads=2,
        head_dim=64,
        experts=32,
        experts_per_token=4,
        expert_hidden=256,
        context=2048,
    )
    write_random_checkpoint(tmp_path / "checkpoint", config, tiny_tokenizer)
    sizes = {}
    for providers in (("cpu",), BOTH):
        out = tmp_path / "-".join(providers)
        export_checkpoint(tmp_path / "checkpoint", out, weights="int4", providers=providers)
        sizes[providers] = (out / "weights.bin").stat().st_size
    spec = read_spec(HfConfig.open(tmp_path / "checkpoint"))

    grown = sizes[BOTH] - sizes["cpu",]
    assert 0 < grown < 0.05 * sizes["cpu",]
    assert grown <= estimated_cuda_bytes(spec, plan("int4"))


def strict(path: Path, model: Path, stand_in: Callable[[Path], Path]) -> Path:
    """Convert a graph of f32 weights, which CUDA's experts do not take, and let the CPU run it."""
    graph = onnx.load(model / "model.onnx", load_external_data=False)
    with WeightFile(model / "extra.bin") as weights:
        made = cuda_graph(graph, lambda t: tensor_values(t, model), weights, "extra.bin")
        weights.close()
    path.write_bytes(made.SerializeToString())
    return stand_in(path)


def rewrite(folder: Path, change: Callable[[str, Any], Any]) -> None:
    """Change the tensors of a checkpoint."""
    path = folder / "model.safetensors"
    stored = open_safetensors(path)
    tensors = [change(name, tensor.read().copy()) for name, tensor in stored.items()]
    shapes = dict(zip(stored, (tensor.shape for tensor in tensors), strict=True))
    write_safetensors(path, shapes, iter(tensors))


def enlarge_attention(folder: Path) -> None:
    """Random weights make attention a thousandth of the result: what is wrong with it must show."""
    rewrite(folder, lambda name, w: w * 5 if ".self_attn." in name and w.ndim == 2 else w)


@pytest.mark.parametrize("case", FAMILY_CASES["cases"])
def test_numbers_are_those_of_the_cpu_graph(
    case: str,
    checkpoint: Make,
    tmp_path: Path,
    runner: Any,
    stand_in: Callable[[Path], Path],
) -> None:
    """But for fp16: in one go, in chunks, token by token and after a rewind behind a window."""
    shutil.copytree(checkpoint(case), tmp_path / "checkpoint")
    enlarge_attention(tmp_path / "checkpoint")
    export_checkpoint(tmp_path / "checkpoint", tmp_path / "model", weights="fp32")
    ids = np.load(HERE / "arch/golden_families.npz")["ids"]
    expected = runner(tmp_path / "model", 128).step(ids, 0)
    path = strict(tmp_path / "model" / "model.cuda.onnx", tmp_path / "model", stand_in)
    graph = runner(tmp_path / "model", 128, path)

    def error(found: Any, wanted: Any) -> float:
        """The median: where two experts are close, a position may choose the other one."""
        return float(np.median(relative_errors(found, wanted)))

    assert error(graph.step(ids, 0), expected) < 1e-2
    assert error(graph.in_pieces(ids, (3, 4, 37, len(ids))), expected) < 1e-2
    assert error(graph.in_pieces(ids, range(1, len(ids) + 1)), expected) < 1e-2
    graph.step(ids[::-1].copy(), 24)
    assert error(graph.step(ids[24:], 24), expected[24:]) < 1e-2


def test_int8_cache_of_the_cpu_is_fp16_on_cuda(tmp_path: Path, tiny_checkpoint: Path) -> None:
    """GroupQueryAttention has no int8 cache with a scale for each block."""
    out = tmp_path / "model"
    export_checkpoint(tiny_checkpoint, out, weights="int4", kv="int8", providers=BOTH)

    graph = onnx.load(ModelDir.open(out).graphs["cuda"], load_external_data=False).graph
    caches = {
        value.name: value.type.tensor_type.elem_type
        for value in (*graph.input, *graph.output)
        if value.name.startswith(("past_0", "present_0"))
    }
    assert set(caches) == {
        f"{when}_0_{part}" for when in ("past", "present") for part in ("key", "value")
    }
    assert set(caches.values()) == {onnx.TensorProto.FLOAT16}


def test_graph_with_onnx_runtimes_attention(
    tmp_path: Path, tiny_checkpoint: Path, runner: Any, stand_in: Callable[[Path], Path]
) -> None:
    """A CPU graph that calls GroupQueryAttention itself becomes one that calls it in fp16."""
    out, ids = tmp_path / "model", np.arange(40)
    export_checkpoint(tiny_checkpoint, out, weights="int8", attention="group_query", providers=BOTH)
    expected = runner(out, 64).step(ids, 0)

    found = runner(out, 64, stand_in(out / "model.cuda.onnx")).step(ids, 0)

    assert float(np.median(relative_errors(found, expected))) < 0.05


def test_interrupted_export_goes_on(
    tmp_path: Path, tiny_checkpoint: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What CUDA's graph added to the weights is taken over too, and the bytes are the same."""

    def ctrl_c(_path: Path) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "tiny"
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "file_entry", ctrl_c)  # called when all weights are written
        with pytest.raises(KeyboardInterrupt):
            export_checkpoint(tiny_checkpoint, out, weights="int4", providers=BOTH)
    journal = (tmp_path / ".tiny.partial/journal.jsonl").read_text("utf-8")
    assert ".scales.f16" in journal or "rope.cosines.f16" in journal
    export_checkpoint(tiny_checkpoint, out, weights="int4", providers=BOTH)

    assert {path.name: path.read_bytes() for path in out.iterdir()} == {
        name: (tiny / name).read_bytes()
        for name in (*ModelDir.open(tiny).manifest.files, "manifest.json")
    }


def test_every_family_is_converted() -> None:
    """All in the golden cases, and `qwen3_moe` as the tiny model."""
    families = {case["model_type"] for case in FAMILY_CASES["cases"].values()}
    assert families | {"qwen3_moe"} == set(FAMILIES)
