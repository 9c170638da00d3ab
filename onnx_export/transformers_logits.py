"""Logits of a checkpoint computed by transformers, where that is installed and the model fits."""

import importlib.util
import warnings
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from onnx_export.arch import read_spec
from onnx_export.hf_config import HfConfig
from onnx_export.parameters import total_parameters

Floats = npt.NDArray[np.float32]
_F32_BYTES: Final = 4


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
    # Not by the files: bf16 grows to twice its size, MXFP4 to nearly eight times.
    parameters = total_parameters(read_spec(HfConfig.open(folder)))
    installed = all(importlib.util.find_spec(name) for name in ("torch", "transformers"))
    if not installed or _F32_BYTES * parameters > memory_bytes:
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
