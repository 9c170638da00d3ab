"""What an open engine says about its model."""

from dataclasses import dataclass
from pathlib import Path

from inference.manifest import TOKENIZER_NAME
from inference.model_dir import ModelDir


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """The model, and what runs it."""

    name: str
    path: Path
    provider: str  # of ONNX Runtime
    kernel: str  # of our operators, e.g. avx2
    library: Path  # our operators
    context: int  # tokens that prompt and completion may fill, KV budget considered
    prompt_tokens: int  # of the largest prompt
    vocab: int
    total_parameters: int
    active_parameters: int  # read for one token
    weights_bytes: int
    tasks: tuple[str, ...]
    placement: str = ""  # why it runs there


def describe(
    model: ModelDir,
    *,
    provider: str,
    kernel: str,
    placement: str,
    library: Path,
    context: int,
    prompt_tokens: int,
) -> ModelInfo:
    """Gather the facts of an opened model directory."""
    manifest = model.manifest
    others = {TOKENIZER_NAME, *manifest.graphs.values()}
    return ModelInfo(
        name=manifest.name,
        path=model.path,
        provider=provider,
        kernel=kernel,
        library=library,
        context=context,
        prompt_tokens=prompt_tokens,
        vocab=manifest.architecture.vocab,
        total_parameters=manifest.architecture.total_parameters,
        active_parameters=manifest.architecture.active_parameters,
        weights_bytes=sum(e.bytes for name, e in manifest.files.items() if name not in others),
        tasks=tuple(manifest.tasks),
        placement=placement,
    )
