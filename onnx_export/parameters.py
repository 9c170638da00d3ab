"""Count a model's parameters, all and per token, and the bytes that its export will take."""

import math

from inference.manifest import Quantization
from inference.ops.layout import bytes_per_expert
from inference.sizes import ModelSizes
from onnx_export.arch.spec import DecoderSpec
from onnx_export.attention_plan import INT8_BLOCK, AttentionPlan
from onnx_export.passes.pad_heads import HeadPadding
from onnx_export.write import ALIGNMENT

GRAPH_BYTES_PER_LAYER = 4 * ALIGNMENT  # inline tensors and nodes, generously
_BYTES_PER_WEIGHT = {"f32": 4.0, "int8": 1 + 4 / 32, "int4": 0.5 + 4 / 32}  # with f32 scales


def total_parameters(spec: DecoderSpec) -> int:
    """All weights; a tied embedding counts once."""
    return sum(math.prod(shape) for shape in spec.shapes().values())


def active_parameters(spec: DecoderSpec) -> int:
    """Weights of the layers that one token meets, embedding and head included."""
    idle_experts = spec.experts - spec.experts_per_token
    expert = 3 * spec.hidden * spec.expert_hidden
    return total_parameters(spec) - len(spec.layers) * idle_experts * expert


def estimated_bytes(spec: DecoderSpec, plan: Quantization) -> int:
    """Disk space of the model directory, a little more than it will be."""
    experts = len(spec.layers) * spec.experts * _expert_bytes(spec, plan)
    tables = (1 if spec.head is None else 2) * spec.vocab * spec.hidden
    expert_weights = len(spec.layers) * spec.experts * 3 * spec.hidden * spec.expert_hidden
    dense = total_parameters(spec) - tables - expert_weights
    rope = 4 * spec.context * spec.head_dim
    return int(
        experts
        + tables * _BYTES_PER_WEIGHT[plan.embedding]
        + dense * _BYTES_PER_WEIGHT[plan.dense]
        + 2 * rope
    ) + _graph_bytes(spec)


def estimated_sizes(spec: DecoderSpec, plan: Quantization, mix: AttentionPlan) -> ModelSizes:
    """Sizes of the model directory before it is written, see `inference.sizes.model_sizes`."""
    whole = estimated_bytes(spec, plan)
    idle = len(spec.layers) * (spec.experts - spec.experts_per_token) * _expert_bytes(spec, plan)
    rope = 8 * spec.context * spec.head_dim
    table = 0 if spec.head is None else spec.vocab * spec.hidden * _BYTES_PER_WEIGHT[plan.embedding]
    head_dim = HeadPadding(head_dim=spec.head_dim).padded
    # int8: a byte a number, and a f32 scale for each block of them
    head_bytes = head_dim + 4 * head_dim // INT8_BLOCK if mix.kv_format == "int8" else 4 * head_dim
    return ModelSizes(
        weights=plan.experts,
        kv_format=mix.kv_format,
        weight_bytes=whole,
        bytes_per_token=int(whole - idle - rope - table - _graph_bytes(spec)),
        kv_bytes_per_position=len(spec.layers) * 2 * spec.kv_heads * head_bytes,
        context=spec.context,
    )


def _graph_bytes(spec: DecoderSpec) -> int:
    return GRAPH_BYTES_PER_LAYER * (len(spec.layers) + 2)


def _expert_bytes(spec: DecoderSpec, plan: Quantization) -> int:
    return 2 * bytes_per_expert(
        plan.experts, plan.block, spec.expert_hidden, spec.hidden
    ) + bytes_per_expert(plan.experts, plan.block, spec.hidden, spec.expert_hidden)
