"""Write golden_logits.npz: what transformers computes for the checkpoints of golden.json.

Run `python tests/onnx_export/make_golden.py` with torch and transformers installed; the weights
come from numpy and a seed, so that the tests can make the same checkpoints without them.
"""

import hashlib
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers

from onnx_export.random_checkpoint import qwen3_moe_config, write_random_checkpoint

HERE = Path(__file__).parent


def main() -> None:
    """Compute and write the logits of every case."""
    golden = json.loads((HERE / "golden.json").read_text("utf-8"))
    ids = np.array(golden["ids"])
    arrays: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as temporary:
        tokenizer = Path(temporary) / "tokenizer.json"
        tokenizer.write_text('{"added_tokens": []}', "utf-8")
        for name, changes in golden["cases"].items():
            folder = Path(temporary) / name
            config = qwen3_moe_config(**(golden["sizes"] | changes))
            write_random_checkpoint(folder, config, tokenizer, seed=golden["seed"])
            model = transformers.Qwen3MoeForCausalLM.from_pretrained(
                folder, dtype=torch.float32, experts_implementation="eager"
            )
            with torch.no_grad():
                arrays[name] = model(torch.from_numpy(ids)[None]).logits[0].numpy()
            digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).digest()
            arrays[f"{name}.sha256"] = np.frombuffer(digest, np.uint8)
    np.savez_compressed(HERE / "golden_logits.npz", **arrays)


if __name__ == "__main__":
    main()
