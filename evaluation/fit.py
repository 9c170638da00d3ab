"""How fast a model can be on this machine at best, and what of it fits into the memory."""

from dataclasses import dataclass
from typing import Final

from evaluation.machine import GIGABYTE
from inference.sizes import ModelSizes

CONTEXTS: Final = (0, 8192, 32_768)  # tokens before the one that is decoded
# What the program, ONNX Runtime and their buffers take beside weights and cache.
PROGRAM_BYTES: Final = 300_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FitRow:
    """One format of the weights at one length of the context."""

    weights: str
    kv_format: str
    context: int  # tokens in the cache
    disk_gb: float
    token_mb: float  # read for one token, the cache included
    memory_gb: float
    fits: str  # in free memory | in memory | experts from disk | no
    tokens_per_s: float | None
    """At the bandwidth limit; None where the memory does not hold the weights, or a cache does."""


def fit_rows(
    sizes: ModelSizes,
    *,
    read_gbps: float,
    cache_bytes: int,
    free_bytes: int,
    memory_bytes: int,
) -> list[FitRow]:
    """Judge one format at each of `CONTEXTS` that the model has.

    Weights are mapped: what the memory does not hold is read from the disk when it is needed, so a
    model runs as long as the cache and what every token needs fit.
    """
    contexts = sorted({min(tokens, sizes.context) for tokens in CONTEXTS})
    rows = []
    for context in contexts:
        kv_bytes = sizes.kv_bytes(context)
        needed = sizes.weight_bytes + kv_bytes + PROGRAM_BYTES
        always = sizes.bytes_per_token + kv_bytes + PROGRAM_BYTES
        token_bytes = sizes.bytes_per_token + sizes.kv_read_bytes(context)
        fits = _fits(needed, always, free_bytes, memory_bytes)
        is_limited = fits.endswith("memory") and sizes.weight_bytes > cache_bytes
        speed = read_gbps * GIGABYTE / token_bytes
        rows.append(
            FitRow(
                weights=sizes.weights,
                kv_format=sizes.kv_format,
                context=context,
                disk_gb=round(sizes.weight_bytes / GIGABYTE, 2),
                token_mb=round(token_bytes / 1e6, 1),
                memory_gb=round(needed / GIGABYTE, 2),
                fits=fits,
                tokens_per_s=round(speed, 1) if is_limited else None,
            )
        )
    return rows


def _fits(needed: int, always: int, free_bytes: int, memory_bytes: int) -> str:
    if needed <= free_bytes:
        return "in free memory"
    if needed <= memory_bytes:
        return "in memory"
    return "experts from disk" if always <= memory_bytes else "no"
