"""Logits of a checkpoint computed by transformers, where that is installed and the model fits."""

import importlib.util
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def transformers_logits(
    folder: Path, ids: npt.NDArray[np.int64], memory_bytes: int
) -> Floats | None:
    """Return logits ``[n, vocab]`` behind each of ``ids [n]``.

    Args:
        folder: of the checkpoint.
        ids: a prompt.
        memory_bytes: what the model may take in f32.

    Returns:
        None without torch or transformers, for a model that they do not read, or one that is too
        large.
    """
    # bf16 on the disk is twice as large in f32
    files = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    installed = all(importlib.util.find_spec(name) for name in ("torch", "transformers"))
    if not installed or 2 * files > memory_bytes:
        return None
    import torch  # noqa: PLC0415 - not everywhere, and seconds to import
    import transformers  # noqa: PLC0415

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model = transformers.AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=torch.float32,
                attn_implementation="eager",
                # torch's grouped matrix product refuses odd sizes
                experts_implementation="eager",
                local_files_only=True,
            )
        except (ImportError, KeyError, OSError, RuntimeError, ValueError):
            return None
        with torch.no_grad():
            logits = model.eval()(torch.from_numpy(ids[None])).logits[0]
    return np.asarray(logits.float().numpy(), dtype=np.float32)
