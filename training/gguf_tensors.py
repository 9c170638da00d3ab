"""The weights of a decoder under llama.cpp's names for the architecture `qwen3moe`."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from inference.manifest import Architecture
from onnx_export import Adapter, DecoderWeights
from training.errors import CheckpointError

# H hidden, D head dim, Q query heads, G key/value heads, E experts, I expert hidden, V vocabulary

Floats = npt.NDArray[np.float32]
EMBEDDINGS: Final = ("token_embd.weight", "output.weight")


def check_shape(sizes: Architecture, weights: DecoderWeights, source: str) -> None:
    """Refuse a decoder that llama.cpp would compute in another way.

    Raises:
        CheckpointError: routing weights that are not normalised (llama.cpp always does it), or
            heads that the exporter has widened with zeros.
    """
    if not sizes.norm_topk:
        raise CheckpointError(
            f"{source}: expected norm_topk_prob true, found false; llama.cpp normalises the"
            " weights of the chosen experts of qwen3moe always and would compute something else"
        )
    head_dim = round(weights.attention_scale**-2)
    if head_dim != sizes.head_dim:
        raise CheckpointError(
            f"{source}: expected heads of a multiple of 16, found {head_dim}; the exporter widens"
            " such heads with zeros, which llama.cpp has no place for"
        )


def tensors(sizes: Architecture, weights: DecoderWeights) -> Iterator[tuple[str, Floats]]:
    """Yield names and values, axes in numpy's order: a projection is ``[outputs, inputs]``.

    Experts are stacked: gate and up ``[E, I, H]``, down ``[E, H, I]``. Adapters of a fine-tuned
    model are added to what they adapt. Tied embeddings stand once, unless the head is adapted.
    """
    yield "token_embd.weight", weights.embedding
    if weights.head is not None or weights.tuned.head is not None:
        head = weights.embedding if weights.head is None else weights.head
        yield "output.weight", _adapted(head, weights.tuned.head)
    yield "output_norm.weight", weights.tuned.final_norm
    query, key = sizes.heads * sizes.head_dim, sizes.kv_heads * sizes.head_dim
    for index, (frozen, tuned) in enumerate(zip(weights.frozen, weights.tuned.layers, strict=True)):
        qkv = _adapted(frozen.qkv, tuned.qkv)
        named = {
            "attn_norm": tuned.input_norm,
            "attn_q": qkv[:query],
            "attn_k": qkv[query : query + key],
            "attn_v": qkv[query + key :],
            "attn_q_norm": tuned.query_norm,
            "attn_k_norm": tuned.key_norm,
            "attn_output": _adapted(frozen.output, tuned.output),
            "ffn_norm": tuned.post_attention_norm,
            "ffn_gate_inp": tuned.router,
            "ffn_gate_exps": frozen.gate,
            "ffn_up_exps": frozen.up,
            "ffn_down_exps": frozen.down,
        }
        for name, values in named.items():
            yield f"blk.{index}.{name}.weight", values


def is_exact(name: str) -> bool:
    """Say whether a tensor stays f32 in every file: norms and routers, small and sensitive."""
    return "norm" in name or "ffn_gate_inp" in name


def _adapted(w: Floats, adapter: Adapter | None) -> Floats:
    return w if adapter is None else w + adapter.up @ adapter.down
