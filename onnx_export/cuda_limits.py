"""What a model must be for each operator of its CUDA graph to have a kernel."""

from collections.abc import Iterator
from typing import Final

from inference.manifest import Quantization
from onnx_export.arch.spec import DecoderSpec
from onnx_export.errors import UnsupportedError
from onnx_export.passes.pad_heads import HeadPadding

# Of mixline.ExpertFFN and ExpertRouter on CUDA: inference/ops/native/cuda/expert_kernels.h.
LARGEST_HIDDEN: Final = 12160
LARGEST_EXPERTS: Final = 2048
# Of ONNX Runtime's GroupQueryAttention: flash attention's largest head, and RoPE's step.
LARGEST_HEAD_DIM: Final = 256
ROPE_PAIRS: Final = 8


def check_cuda(spec: DecoderSpec, plan: Quantization) -> None:
    """Refuse a model before anything is written.

    Raises:
        UnsupportedError: says which operator has no kernel, and what was found.
    """
    problem = next(_problems(spec, plan), None)
    if problem is not None:
        raise UnsupportedError(f"{problem}; export with `--providers cpu`")


def _problems(spec: DecoderSpec, plan: Quantization) -> Iterator[str]:
    experts = plan.experts if spec.mixtures else plan.dense
    if experts == "f32" or (plan.dense == "f32" and (spec.dense_layers or spec.shared_hidden)):
        yield (
            "expected experts of int4, int8 or mxfp4 for CUDA's ExpertFFN, found f32: choose"
            " `--weights int4` or `int8`"
        )
    if spec.hidden > LARGEST_HIDDEN:
        yield (
            f"expected a hidden size of at most {LARGEST_HIDDEN} for CUDA's ExpertFFN, found"
            f" {spec.hidden}"
        )
    if spec.experts > LARGEST_EXPERTS:
        yield (
            f"expected at most {LARGEST_EXPERTS} experts for CUDA's ExpertRouter, found"
            f" {spec.experts}"
        )
    head_dim = HeadPadding(head_dim=spec.head_dim).padded
    if head_dim > LARGEST_HEAD_DIM:
        yield (
            f"expected heads of at most {LARGEST_HEAD_DIM} dimensions for CUDA's"
            f" GroupQueryAttention, found {head_dim}"
        )
    for rope in spec.ropes:
        if rope.dims != spec.head_dim and rope.dims % (2 * ROPE_PAIRS):
            yield (
                f"expected RoPE over a multiple of {2 * ROPE_PAIRS} dimensions of a head for"
                f" CUDA's GroupQueryAttention, found {rope.dims}"
            )
