"""What has no kernel on CUDA is refused with the operator's name, and so is a graph that lies."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from inference import ModelDirectoryError
from inference.model_dir import ModelDir
from onnx_export import UnsupportedError, cuda_limits, export_checkpoint
from onnx_export.arch import read_spec
from onnx_export.cuda_limits import check_cuda
from onnx_export.hf_config import HfConfig
from onnx_export.quantize.plan import plan
from onnx_export.safetensors_file import open_safetensors, write_safetensors

ROOT = Path(__file__).parents[2]
BOTH = ("cpu", "cuda")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path) -> Path:
    """The tiny model with both graphs."""
    out = tmp_path_factory.mktemp("models") / "tiny"
    export_checkpoint(tiny_checkpoint, out, weights="int4", providers=BOTH)
    return out


def test_weight_that_fp16_cannot_hold_is_named(tmp_path: Path, tiny_checkpoint: Path) -> None:
    """And nothing is left of the export."""
    folder = tmp_path / "checkpoint"
    shutil.copytree(tiny_checkpoint, folder)
    path = folder / "model.safetensors"
    tensors = {name: tensor.read().copy() for name, tensor in open_safetensors(path).items()}
    tensors["model.layers.1.self_attn.q_norm.weight"] *= 1e6
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    write_safetensors(path, shapes, iter(tensors.values()))

    with pytest.raises(
        UnsupportedError, match=r"layers\.1\.attention\.query_norm\.weight to fit fp16.*e\+06"
    ):
        export_checkpoint(folder, tmp_path / "model", providers=BOTH)
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden": 12_161}, "a hidden size of at most 12160 for CUDA's ExpertFFN, found 12161"),
        ({"experts": 2049}, "at most 2048 experts for CUDA's ExpertRouter, found 2049"),
        ({"head_dim": 260}, "at most 256 dimensions for CUDA's GroupQueryAttention, found 272"),
    ],
)
def test_model_without_a_kernel_is_refused(
    change: dict[str, int], message: str, tiny_checkpoint: Path
) -> None:
    """Before anything is written, with the operator and the number."""
    spec = replace(read_spec(HfConfig.open(tiny_checkpoint)), **change)

    with pytest.raises(UnsupportedError, match=f"{message}.*--providers cpu"):
        check_cuda(spec, plan("int4"))


def test_rope_of_a_part_is_refused_where_it_fits_no_step(tiny_checkpoint: Path) -> None:
    """GroupQueryAttention turns pairs in steps of eight."""
    spec = read_spec(HfConfig.open(tiny_checkpoint))
    check_cuda(spec, plan("int4"))
    check_cuda(replace(spec, ropes=(replace(spec.ropes[0], dims=16),)), plan("int4"))
    odd = replace(spec, ropes=(replace(spec.ropes[0], dims=24),))

    with pytest.raises(UnsupportedError, match=r"a multiple of 16 dimensions of a head.*found 24"):
        check_cuda(odd, plan("int4"))


@pytest.mark.parametrize("weights", ["fp32", "keep"])
def test_f32_experts_are_refused(weights: str, tmp_path: Path, tiny_checkpoint: Path) -> None:
    """CUDA's ExpertFFN has no kernel for them."""
    with pytest.raises(
        UnsupportedError, match="int4, int8 or mxfp4 for CUDA's ExpertFFN, found f32"
    ):
        export_checkpoint(tiny_checkpoint, tmp_path / "m", weights=weights, providers=BOTH)
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("providers", [(), ("cuda",), ("cpu", "rocm")])
def test_providers_are_cpu_and_cuda(
    providers: tuple[str, ...], tmp_path: Path, tiny_checkpoint: Path
) -> None:
    """The graph for the CPU is always written: CUDA's falls back to it."""
    with pytest.raises(UnsupportedError, match="expected providers to be cpu or cpu,cuda"):
        export_checkpoint(tiny_checkpoint, tmp_path / "m", providers=providers)


def test_limits_are_the_kernels() -> None:
    """Each number of ours stands in the header of the CUDA operators."""
    header = (ROOT / "inference/ops/native/cuda/expert_kernels.h").read_text("utf-8")
    found = dict(re.findall(r"constexpr size_t (kMost\w+) = (\d+);", header))

    assert int(found["kMostHidden"]) == cuda_limits.LARGEST_HIDDEN
    assert int(found["kMostExperts"]) == cuda_limits.LARGEST_EXPERTS


def change_cache(model: onnx.ModelProto) -> None:
    """Give a cache as f32."""
    value = next(value for value in model.graph.input if value.name == "past_0_key")
    value.type.tensor_type.elem_type = onnx.TensorProto.FLOAT


def change_positions(model: onnx.ModelProto) -> None:
    """Give GroupQueryAttention positions, which it takes on trust."""
    node = next(node for node in model.graph.node if node.op_type == "GroupQueryAttention")
    node.input.append("ids")


def change_angles(model: onnx.ModelProto) -> None:
    """Take angles of fewer positions."""
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == "rope.cosines.f16")
    tensor.dims[0] //= 2
    tensor.dims[1] *= 2


def change_scales(model: onnx.ModelProto) -> None:
    """Take scales of another type."""
    node = next(node for node in model.graph.node if node.op_type == "MatMulNBits")
    node.input[2] = node.input[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (change_cache, "'past_0_key' to be float16"),
        (change_positions, "neither positions nor a bias"),
        (change_angles, r"expected weights float16 \[4096, \d+\] at input 7"),
        (change_scales, "expected weights float16 or float32"),
    ],
)
def test_graph_that_contradicts_the_manifest_is_refused(
    change: Callable[[onnx.ModelProto], None], message: str, tiny: Path, tmp_path: Path
) -> None:
    """As the graph for the CPU is: the first contradiction in a sentence."""
    out = tmp_path / "model"
    shutil.copytree(tiny, out)
    model = onnx.load(out / "model.cuda.onnx", load_external_data=False)
    change(model)
    data = model.SerializeToString()
    (out / "model.cuda.onnx").write_bytes(data)
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    manifest["files"]["model.cuda.onnx"]["bytes"] = len(data)
    (out / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")

    with pytest.raises(ModelDirectoryError, match=message):
        ModelDir.open(out)
