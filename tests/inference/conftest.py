"""Tokenizers trained on generated code, and a tiny model with random weights."""

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tokenizers import (
    Regex,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from tokenizers import Tokenizer as BpeTokenizer

from inference import CompletionRequest, Engine
from inference.tokenizer import Tokenizer
from onnx_export.random_checkpoint import make_random_model, qwen3_moe_config

ROOT = Path(__file__).parents[2]
SPECIALS = (
    "<|endoftext|>",
    "<|pad|>",
    "<|fim_prefix|>",
    "<|fim_suffix|>",
    "<|fim_middle|>",
    "<|file_sep|>",
    "<|doc|>",
    "<|fix|>",
    "<|diag|>",
)
# Pre-tokenizers that models use: ours, that of GPT-2, that of Qwen.
PATTERNS = {
    "mixline": " ?[^(\\s|.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)]+",
    "gpt2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "qwen": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
}


@pytest.fixture(scope="session")
def project_sources() -> dict[str, str]:
    """Return this project's own Python files by path: real code to encode, match, complete."""
    return {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
        for folder in ("inference", "tests/inference")
        for path in sorted((ROOT / folder).rglob("*.py"))
    }


WORDS = (
    "self", "item", "items", "value", "values", "result", "total", "count", "index", "name",
    "names", "path", "text", "line", "lines", "data", "token", "tokens", "request",
    "response", "engine", "model", "cache", "slot", "prefix", "suffix", "prompt", "buffer",
    "session", "append", "extend", "update", "encode", "decode", "open", "close", "read",
    "write", "join", "split", "strip", "format", "start", "end", "compute", "collect",
    "connection", "timeout", "host", "port", "error", "message", "expected", "found", "match",
    "draft", "weight",
)  # fmt: skip
TEMPLATES = (
    'def {0}_{1}({2}: int, {3}: str) -> None:\n    """Return {0} of {1}."""\n',
    "    {0}.{1} = {2}({3}, {4}[{5}])\n",
    '        if {0} is not None and {1} == {2}:\n            raise {3}(f"{{{4}}} {5}")\n',
    "    for {0} in {1}:\n        {2}.append({3}.{4}())\n    return {5}\n\n\n",
    "import {0}\nfrom {1}.{2} import {3}\n\nclass {4}:\n    # {5} {0} {1}\n",
    "    {0} = [{1}, 12, 345]\n    assert {2}[{3}] >= 0.5, '{4} {5}'\n",
)


def generated_code() -> Iterator[str]:
    """Yield the same pieces of code on every machine: what a test's model says must not change."""
    rng = random.Random(0)  # noqa: S311 - a reproducible sample, nothing secret
    for _ in range(3000):
        yield rng.choice(TEMPLATES).format(*rng.choices(WORDS, k=6))


def sentencepiece_spec() -> dict[str, Any]:
    """Train a tokenizer.json of 800 tokens as Llama's and Mistral's are written."""
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
    begin_end = ["<unk>", "<s>", "</s>"]
    tokenizer = BpeTokenizer(models.BPE(byte_fallback=True, fuse_unk=True))
    space = normalizers.Replace(" ", "\u2581")
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), space])
    trainer = trainers.BpeTrainer(
        vocab_size=800, special_tokens=begin_end + byte_tokens, show_progress=False
    )
    lines = (line for code in generated_code() for line in code.split("\n"))
    tokenizer.train_from_iterator(lines, trainer=trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    spec: dict[str, Any] = json.loads(tokenizer.to_str())
    spec["model"]["unk_token"] = begin_end[0]
    spec["added_tokens"] = [entry for entry in spec["added_tokens"] if entry["id"] < len(begin_end)]
    return spec


def with_blanks(spec: dict[str, Any]) -> dict[str, Any]:
    """Add tokens of 2 to 24 spaces, as GPT-NeoX's tokenizer has, and OLMoE's."""
    spec["normalizer"] = {"type": "Sequence", "normalizers": []}  # as DeepSeek's is written
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "special"), False)
    spec["added_tokens"] += [
        {"id": 798 + spaces, "content": " " * spaces, "normalized": True, **flags}
        for spaces in range(2, 25)
    ]
    return spec


@pytest.fixture(scope="session")
def make_spec() -> Callable[[str], dict[str, Any]]:
    """Train a tokenizer.json of 800 tokens with the named pre-tokenizer, or of another kind."""
    specs: dict[str, dict[str, Any]] = {}

    def make(name: str) -> dict[str, Any]:
        if name == "neox":
            specs[name] = with_blanks(make("gpt2"))
        elif name == "sentencepiece":
            specs[name] = specs.get(name) or sentencepiece_spec()
        elif name not in specs:
            tokenizer = BpeTokenizer(models.BPE())
            tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
                [
                    pre_tokenizers.Split(Regex(PATTERNS[name]), behavior="isolated"),
                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
                ]
            )
            tokenizer.decoder = decoders.ByteLevel()
            trainer = trainers.BpeTrainer(
                vocab_size=800,
                special_tokens=list(SPECIALS),
                initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                show_progress=False,
            )
            tokenizer.train_from_iterator(generated_code(), trainer=trainer)
            specs[name] = json.loads(tokenizer.to_str())
        spec: dict[str, Any] = json.loads(json.dumps(specs[name]))
        return spec

    return make


@pytest.fixture(scope="session")
def tokenizer(make_spec: Callable[[str], dict[str, Any]]) -> Tokenizer:
    """Return a tokenizer with our own pre-tokenizer and markers."""
    return Tokenizer(make_spec("mixline"))


@pytest.fixture(scope="session")
def make_model(
    make_spec: Callable[[str], dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Path]:
    """Export a tiny MoE with random weights: 2 layers, 8 experts, 2 of them per token."""

    def make(weights: str = "fp32", context: int = 1024, kv: str = "f32") -> Path:
        folder = tmp_path_factory.mktemp("models")
        tokenizer = folder / "tokenizer.json"
        tokenizer.write_text(json.dumps(make_spec("mixline")), encoding="utf-8")
        config = qwen3_moe_config(
            vocab=800,
            hidden=64,
            layers=2,
            heads=4,
            kv_heads=2,
            head_dim=32,
            experts=8,
            experts_per_token=2,
            expert_hidden=64,
            context=context,
        )
        out = folder / f"tiny-{weights}-{context}"
        make_random_model(out, config, tokenizer, weights=weights, kv=kv, seed=1)
        return out

    return make


@pytest.fixture(scope="session")
def model(make_model: Callable[..., Path]) -> Path:
    """Return the directory of a tiny model in fp32 with a context of 1,024 tokens."""
    return make_model()


@pytest.fixture
def engine(model: Path) -> Iterator[Engine]:
    """Open the tiny model for one test."""
    with Engine.open(model) as opened:
        yield opened


@pytest.fixture
def make_request() -> Callable[..., CompletionRequest]:
    """Make a request for a small document; the network alone, unless told otherwise."""

    def make(prefix: str = "def total(items):\n    ", **changes: Any) -> CompletionRequest:
        fields: dict[str, Any] = {
            "document": "file:///a.py",
            "path": "a.py",
            "suffix": "\n\n\nprint(total([1, 2]))\n",
            "max_tokens": 12,
            "multi_line": True,
            "workspace_expert": False,
        }
        return CompletionRequest(prefix=prefix, **(fields | changes))

    return make
