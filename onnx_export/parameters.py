"""Count a model's parameters, all and per token, and the bytes that its export will take."""

import math

from inference.manifest import Quantization
from inference.ops.layout import bytes_per_expert
from inference.sizes import ModelSizes, weights_name
from onnx_export.arch.experts import BiasedExperts, Experts
from onnx_export.arch.layers import GroupedAttention, LatentAttention
from onnx_export.arch.spec import DecoderSpec
from onnx_export.attention_plan import INT8_BLOCK, AttentionPlan
from onnx_export.passes.pad_heads import HeadPadding
from onnx_export.write import ALIGNMENT

GRAPH_BYTES_PER_LAYER = 4 * ALIGNMENT  # inline tensors and nodes, generously
_BYTES_PER_WEIGHT = {"f32": 4.0, "int8": 1 + 4 / 32, "int4": 0.5 + 4 / 32}  # with f32 scales


def total_parameters(spec: DecoderSpec) -> int:
    """All weights; a tied embedding counts once."""
    stored = dict(spec.shapes())
    for mix in spec.mixtures:
        for name in mix.experts.shapes():
            del stored[name]
    routed = sum(mix.experts.count * _expert_parameters(mix.experts) for mix in spec.mixtures)
    return routed + sum(math.prod(shape) for shape in stored.values())


def active_parameters(spec: DecoderSpec) -> int:
    """Weights of the layers that one token meets, embedding and head included."""
    idle_experts = spec.experts - spec.experts_per_token
    idle = sum(idle_experts * _expert_parameters(mix.experts) for mix in spec.mixtures)
    return total_parameters(spec) - idle


def estimated_bytes(spec: DecoderSpec, plan: Quantization) -> int:
    """Disk space of the model directory, a little more than it will be."""
    tables = (1 if spec.head is None else 2) * spec.vocab * spec.hidden
    routed = sum(mix.experts.count * _expert_parameters(mix.experts) for mix in spec.mixtures)
    dense = total_parameters(spec) - tables - routed
    attention = sum(
        math.prod(shape) for layer in spec.layers for shape in layer.attention.shapes().values()
    )
    routers = sum(mix.router.outputs * mix.router.inputs for mix in spec.mixtures)
    return int(
        sum(mix.experts.count * _expert_bytes(mix.experts, plan) for mix in spec.mixtures)
        + tables * _BYTES_PER_WEIGHT[plan.embedding]
        + (dense - routers + attention * (_widening(spec) - 1)) * _BYTES_PER_WEIGHT[plan.dense]
        + routers * _BYTES_PER_WEIGHT["f32"]
        + _rope_bytes(spec)
    ) + _graph_bytes(spec)


def estimated_cuda_bytes(spec: DecoderSpec, plan: Quantization) -> int:
    """Disk space that a graph for CUDA takes besides: fp16 scales, angles, the graph itself."""
    scales = 0.0
    if plan.dense != "f32":
        attention = sum(
            math.prod(shape) for layer in spec.layers for shape in layer.attention.shapes().values()
        )
        scales = 2 * attention * _widening(spec) / plan.block + ALIGNMENT * 6 * len(spec.layers)
    return int(scales) + _rope_bytes(spec) + _graph_bytes(spec)


def estimated_sizes(spec: DecoderSpec, plan: Quantization, mix: AttentionPlan) -> ModelSizes:
    """Sizes of the model directory before it is written, see `inference.sizes.model_sizes`."""
    whole = estimated_bytes(spec, plan)
    idle_experts = spec.experts - spec.experts_per_token
    idle = sum(idle_experts * _expert_bytes(mix.experts, plan) for mix in spec.mixtures)
    table = 0 if spec.head is None else spec.vocab * spec.hidden * _BYTES_PER_WEIGHT[plan.embedding]
    head_dim = HeadPadding(head_dim=spec.head_dim).padded
    # int8: a byte a number, and a f32 scale for each block of them
    head_bytes = head_dim + 4 * head_dim // INT8_BLOCK if mix.kv_format == "int8" else 4 * head_dim
    return ModelSizes(
        weights=weights_name(plan),
        kv_format=mix.kv_format,
        weight_bytes=whole,
        bytes_per_token=int(whole - idle - _rope_bytes(spec) - table - _graph_bytes(spec)),
        kv_bytes_per_position=len(spec.layers) * 2 * spec.kv_heads * head_bytes,
        context=spec.context,
        windows=tuple(
            part.window if isinstance(part := layer.attention, GroupedAttention) else 0
            for layer in spec.layers
        ),
    )


def _graph_bytes(spec: DecoderSpec) -> int:
    return GRAPH_BYTES_PER_LAYER * (len(spec.layers) + 2)


def _widening(spec: DecoderSpec) -> float:
    """Return by how much zeros make attention's matrices larger, at most."""
    narrowest = [
        min(part.value, part.nope + part.rope)
        if isinstance(part := layer.attention, LatentAttention)
        else spec.head_dim
        for layer in spec.layers
    ]
    return HeadPadding(head_dim=spec.head_dim).padded / min(narrowest)


def _rope_bytes(spec: DecoderSpec) -> int:
    return sum(4 * spec.context * rope.dims for rope in spec.ropes)


def _expert_parameters(experts: Experts) -> int:
    biases = 2 * experts.inner + experts.hidden if isinstance(experts, BiasedExperts) else 0
    return 3 * experts.hidden * experts.inner + biases


def _expert_bytes(experts: Experts, plan: Quantization) -> int:
    gate = bytes_per_expert(plan.experts, plan.block, experts.inner, experts.hidden)
    down = bytes_per_expert(plan.experts, plan.block, experts.hidden, experts.inner)
    biases = 4 * (2 * experts.inner + experts.hidden)
    return 2 * gate + down + (biases if isinstance(experts, BiasedExperts) else 0)
