"""Write golden_far.npz: what transformers computes behind 100,003 positions of golden_far.json.

Run `python tests/onnx_export/arch/make_golden_far.py` with torch and transformers installed; the
weights and what the cache holds come from numpy and a seed, so that the test can make the same.
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
    golden = json.loads((HERE / "golden_far.json").read_text("utf-8"))
    common, seed, past = golden["common"], golden["seed"], golden["past"]
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, common["vocab_size"], golden["tokens"])
    shape = (1, common["num_key_value_heads"], past, common["head_dim"])
    # As many draws, in the same order, as in the test.
    keys, values = (torch.from_numpy(rng.standard_normal(shape, dtype=np.float32)) for _ in "kv")
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
            cache = transformers.DynamicCache()
            cache.update(keys * golden["key_scale"], values, 0)
            with torch.no_grad():
                out = model(torch.from_numpy(ids)[None], past_key_values=cache)
            arrays[name] = out.logits[0].numpy()
            digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).digest()
            arrays[f"{name}.sha256"] = np.frombuffer(digest, np.uint8)
    np.savez_compressed(HERE / "golden_far.npz", **arrays)


if __name__ == "__main__":
    main()
