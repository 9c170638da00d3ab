"""Weights of a checkpoint as a few small files, rounded as the exporter rounds or in bfloat16."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from inference.ops.layout import dequantize, quantize
from training import checkpoint
from training.checkpoint import State
from training.errors import ParcelError
from training.quantise import BLOCK, is_quantised

Form = Literal["int4", "bf16"]
PART_BYTES: Final = 15 << 20


def split(path: Path, out: Path, *, form: Form, part_bytes: int = PART_BYTES) -> list[Path]:
    """Writes the weights of a checkpoint as parts and a JSON file about them.

    "int4" holds what the exporter makes of them: int4 for experts and attention, int8 for the
    embedding, float32 for the rest. "bf16" is for going on with the training.

    Returns:
        The JSON file, then the parts.
    """
    state, weights, _, config = checkpoint.load(path)
    tensors: dict[str, Tensor] = {}
    for name, weight in weights.items():
        if form == "bf16":
            tensors[name] = weight.bfloat16() if weight.dim() > 1 else weight
        elif is_quantised(name, weight):
            q, scale = quantize(weight.float().numpy(), "int4", BLOCK)
            tensors[f"{name}:int4"] = torch.from_numpy(_nibbles(q))
            tensors[f"{name}:scale"] = torch.from_numpy(scale)
        elif name == "embedding":
            q, scale = quantize(weight.float().numpy(), "int8", BLOCK)
            tensors[f"{name}:int8"] = torch.from_numpy(q)
            tensors[f"{name}:scale"] = torch.from_numpy(scale)
        else:
            tensors[name] = weight
    data = safetensors.torch.save({name: one.contiguous() for name, one in tensors.items()})
    out.mkdir(parents=True, exist_ok=True)
    parts = []
    for index, start in enumerate(range(0, len(data), part_bytes)):
        part = out / f"weights-{form}.{index:02}"
        part.write_bytes(data[start : start + part_bytes])
        parts.append(part)
    facts = {
        "form": form,
        "parts": [part.name for part in parts],
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "state": asdict(state),
        "config": config,
        "shapes": {name: list(weight.shape) for name, weight in weights.items()},
    }
    described = out / f"weights-{form}.json"
    described.write_text(json.dumps(facts) + "\n", encoding="utf-8")
    return [described, *parts]


def join(folder: Path, out: Path, *, form: Form) -> State:
    """Puts the parts in a folder together as a checkpoint without optimiser state.

    Raises:
        ParcelError: a part is missing, or they are not what was split.
    """
    try:
        facts = json.loads((folder / f"weights-{form}.json").read_text(encoding="utf-8"))
        data = b"".join((folder / name).read_bytes() for name in facts["parts"])
    except (OSError, ValueError, LookupError) as error:
        raise ParcelError(
            f"expected weights-{form}.json and its parts in {folder}: {error}; collect them again"
        ) from error
    if hashlib.sha256(data).hexdigest() != facts["sha256"]:
        raise ParcelError(
            f"{folder}: expected {facts['bytes']} bytes with the digest in weights-{form}.json, "
            f"found {len(data)} others; collect the parts again"
        )
    tensors = safetensors.torch.load(data)
    weights = {
        name: _restored(tensors, name, shape).float() for name, shape in facts["shapes"].items()
    }
    state = State(**facts["state"])
    checkpoint.save(out, state, weights, {}, facts["config"])
    return state


def _restored(tensors: dict[str, Tensor], name: str, shape: list[int]) -> Tensor:
    if name in tensors:
        return tensors[name]
    scale: Any = tensors[f"{name}:scale"].numpy()
    if f"{name}:int8" in tensors:
        return torch.from_numpy(dequantize(tensors[f"{name}:int8"].numpy(), scale, BLOCK))
    packed = tensors[f"{name}:int4"].numpy()
    q = np.empty((*packed.shape[:-1], packed.shape[-1] * 2), dtype=np.int8)
    q[..., ::2], q[..., 1::2] = (packed & 15).astype(np.int8) - 8, (packed >> 4).astype(np.int8) - 8
    return torch.from_numpy(dequantize(q[..., : shape[-1]], scale, BLOCK))


def _nibbles(q: np.ndarray) -> np.ndarray:
    """[..., K] of -8 to 7 to [..., ceil(K / 2)]; the even places in the low nibble."""
    wide = np.pad(q, [(0, 0)] * (q.ndim - 1) + [(0, q.shape[-1] % 2)])
    shifted = (wide + 8).astype(np.uint8)
    packed: np.ndarray = shifted[..., ::2] | (shifted[..., 1::2] << 4)
    return packed
