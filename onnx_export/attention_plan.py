"""Which attention operator the graph calls, and how its cache is stored."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from onnx_export.arch.spec import DecoderSpec
from onnx_export.errors import UnsupportedError
from onnx_export.passes.pad_heads import HeadPadding

Operator: TypeAlias = Literal["cached", "group_query"]
KvFormat: TypeAlias = Literal["f32", "int8"]
OPERATORS: Final = ("auto", "cached", "group_query")
KV_FORMATS: Final = ("f32", "int8")

# Of mixline.CachedAttention: docs/operators.md.
LARGEST_HEAD_DIM: Final = 256
INT8_BLOCK: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionPlan:
    """``cached``: mixline.CachedAttention; ``group_query``: com.microsoft.GroupQueryAttention."""

    operator: Operator
    kv_format: KvFormat


def attention_plan(spec: DecoderSpec, operator: str, kv: str) -> AttentionPlan:
    """Choose for a model.

    ``auto`` is ``cached`` wherever several query heads share a key/value head, which it reads once
    for all of them. Where each has its own, GroupQueryAttention is faster.

    Raises:
        UnsupportedError: an unknown choice, or one that does not fit the model's heads.
    """
    if operator not in OPERATORS:
        raise UnsupportedError(
            f"expected attention to be one of {', '.join(OPERATORS)}, found {operator!r}"
        )
    if kv not in KV_FORMATS:
        raise UnsupportedError(f"expected kv to be one of {', '.join(KV_FORMATS)}, found {kv!r}")
    kv_format: KvFormat = "int8" if kv == "int8" else "f32"
    head_dim = HeadPadding(head_dim=spec.head_dim).padded
    fits = head_dim <= LARGEST_HEAD_DIM and (kv_format == "f32" or head_dim % INT8_BLOCK == 0)
    shared = spec.heads > spec.kv_heads
    if operator == "group_query" or (
        operator == "auto" and kv_format == "f32" and not (fits and shared)
    ):
        if kv_format == "int8":
            raise UnsupportedError("expected kv f32 with attention group_query, found int8")
        return AttentionPlan(operator="group_query", kv_format=kv_format)
    if not fits:
        step = INT8_BLOCK if kv_format == "int8" else 16
        raise UnsupportedError(
            f"expected heads of a multiple of {step} up to {LARGEST_HEAD_DIM} dimensions for"
            f" CachedAttention with a cache of {kv_format}, found {head_dim}; export with"
            " `--attention group_query --kv f32`"
        )
    return AttentionPlan(operator="cached", kv_format=kv_format)
