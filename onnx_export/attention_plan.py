"""Which attention operator the graph calls, and how its cache is stored."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from onnx_export.arch.spec import DecoderSpec
from onnx_export.errors import UnsupportedError
from onnx_export.passes.pad_heads import HeadPadding

Operator: TypeAlias = Literal["cached", "group_query"]
KvFormat: TypeAlias = Literal["f32", "int8"]
OPERATORS: Final = ("auto", "cached", "group_query")
KV_FORMATS: Final = ("auto", "f32", "int8")
INT8_FROM_CONTEXT: Final = 8192  # tokens

# Of mixline.CachedAttention: docs/operators.md.
LARGEST_HEAD_DIM: Final = 256
INT8_BLOCK: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionPlan:
    """``cached``: mixline.CachedAttention; ``group_query``: com.microsoft.GroupQueryAttention."""

    operator: Operator
    kv_format: KvFormat


def attention_plan(spec: DecoderSpec, operator: str, kv: str, *, exact: bool) -> AttentionPlan:
    """Choose for a model.

    Operator ``auto`` is ``cached`` wherever several query heads share a key/value head, which it
    reads once for all of them. Where each has its own, GroupQueryAttention is faster.

    A graph's caches are of one format, whatever a prompt's length is. Format ``auto`` is ``int8``
    for a model of long context, where the cache decides how much fits into memory; if ``exact``,
    weights are not rounded and neither are keys and values.

    Raises:
        UnsupportedError: an unknown choice, or one that does not fit the model's heads.
    """
    if operator not in OPERATORS:
        raise UnsupportedError(
            f"expected attention to be one of {', '.join(OPERATORS)}, found {operator!r}"
        )
    if kv not in KV_FORMATS:
        raise UnsupportedError(f"expected kv to be one of {', '.join(KV_FORMATS)}, found {kv!r}")
    head_dim = HeadPadding(head_dim=spec.head_dim).padded
    fits = {
        "f32": head_dim <= LARGEST_HEAD_DIM,
        "int8": head_dim <= LARGEST_HEAD_DIM and head_dim % INT8_BLOCK == 0,
    }
    cached = operator == "cached" or (
        operator == "auto"
        and (kv == "int8" or not spec.is_plain or (fits["f32"] and spec.heads > spec.kv_heads))
    )
    if kv == "auto":
        worth_it = cached and not exact and spec.context >= INT8_FROM_CONTEXT
        kv = "int8" if worth_it and fits["int8"] else "f32"
    kv_format: KvFormat = "int8" if kv == "int8" else "f32"
    if not cached and not spec.is_plain:
        raise UnsupportedError(
            f"expected attention auto or cached for a {spec.model_type!r} model, whose windows,"
            " sinks or latent keys GroupQueryAttention is not asked for, found group_query"
        )
    if not cached:
        if kv_format == "int8":
            raise UnsupportedError("expected kv f32 with attention group_query, found int8")
        return AttentionPlan(operator="group_query", kv_format=kv_format)
    if not fits[kv_format]:
        step = INT8_BLOCK if kv_format == "int8" else 16
        raise UnsupportedError(
            f"expected heads of a multiple of {step} up to {LARGEST_HEAD_DIM} dimensions for"
            f" CachedAttention with a cache of {kv_format}, found {head_dim}; export with"
            " `--attention group_query --kv f32`"
        )
    return AttentionPlan(operator="cached", kv_format=kv_format)
