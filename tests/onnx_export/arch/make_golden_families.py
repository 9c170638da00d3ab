"""Write golden_families.npz: what transformers computes for the cases of golden_families.json.

Run `python tests/onnx_export/arch/make_golden_families.py` with torch and transformers installed;
the weights come from numpy and a seed, so that the tests can make the same ones without them.
"""

import hashlib
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers

from onnx_export.random_checkpoint import write_random_checkpoint

HERE = Path(__file__).parent


def main() -> None:
    """Compute and write the logits of every case."""
    golden = json.loads((HERE / "golden_families.json").read_text("utf-8"))
    common, seed = golden["common"], golden["seed"]
    ids = np.random.default_rng(seed).integers(0, common["vocab_size"], golden["tokens"])
    arrays: dict[str, np.ndarray] = {"ids": ids}
    with tempfile.TemporaryDirectory() as temporary:
        tokenizer = Path(temporary) / "tokenizer.json"
        tokenizer.write_text('{"added_tokens": []}', "utf-8")
        for name, changes in golden["cases"].items():
            folder = Path(temporary) / name
            write_random_checkpoint(folder, common | changes, tokenizer, seed=seed)
            model = transformers.AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=torch.float32,
                attn_implementation="eager",
                experts_implementation="eager",
            )
            with torch.no_grad():
                arrays[name] = model(torch.from_numpy(ids)[None]).logits[0].numpy()
            digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).digest()
            arrays[f"{name}.sha256"] = np.frombuffer(digest, np.uint8)
    np.savez_compressed(HERE / "golden_families.npz", **arrays)


if __name__ == "__main__":
    main()
