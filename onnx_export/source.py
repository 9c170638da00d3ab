"""Where an export's configuration, weights and tokenizer come from: a checkpoint, or a seed."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from inference.json_fields import JsonFields
from inference.manifest import TOKENIZER_NAME
from inference.model_dir import default_model
from onnx_export.arch import read_spec
from onnx_export.arch.spec import DecoderSpec
from onnx_export.checkpoint import Checkpoint, read_json
from onnx_export.errors import CheckpointError
from onnx_export.hf_config import CONFIG_NAME, HfConfig
from onnx_export.presets import PRESETS, checkpoint_folder
from onnx_export.random_weights import random_weights

_NUM_LAYERS: Final = "num_hidden_layers"
_PER_LAYER: Final = ("layer_types", "mlp_layer_types")  # keys with an entry for every layer


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What is exported; the tensors' shapes are not checked yet."""

    spec: DecoderSpec
    tensors: Checkpoint
    tokenizer: Path
    """A `tokenizer.json`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomWeights:
    """Ask for weights that are drawn instead of read."""

    seed: int = 0
    layers: int | None = None
    """Only so many of the configuration's layers; None: all."""


def open_config(named: Path, layers: int | None = None) -> HfConfig:
    """Read the `config.json` of a checkpoint's folder or a preset, less layers if asked for.

    Raises:
        CheckpointError: missing or damaged, or it has fewer layers.
    """
    folder = checkpoint_folder(named)
    if layers is None:
        return HfConfig.open(folder)
    path = folder / CONFIG_NAME
    fields = read_json(path)
    found = fields.integer(_NUM_LAYERS, 1, 2**31)
    if layers > found:
        raise CheckpointError(f"{path}: expected at least {layers} layers, found {found}")
    values = {name: fields.value(name) for name in fields.names()} | {_NUM_LAYERS: layers}
    for key in _PER_LAYER:
        if isinstance(entries := values.get(key), list):
            values[key] = entries[:layers]
    fields = JsonFields.parse(json.dumps(values).encode(), str(path), CheckpointError)
    return HfConfig(fields, str(path), fields.text("model_type", 100))


def open_source(named: Path, random: RandomWeights | None = None) -> Source:
    """Find all parts of a checkpoint, or of a configuration that gets ``random`` weights.

    With random weights a missing `tokenizer.json` is the shipped model's.

    Raises:
        CheckpointError: a file is missing or damaged.
        UnsupportedError: an architecture or a key that is not known.
    """
    folder = checkpoint_folder(named)
    spec = read_spec(open_config(named, random.layers if random else None))
    tokenizer = folder / TOKENIZER_NAME
    if random is None:
        if folder.is_relative_to(PRESETS):
            raise CheckpointError(
                f"{named}: expected the folder of a checkpoint, found the name of a configuration"
                " without weights; fill it with --random-weights"
            )
        tensors = Checkpoint.open(folder)
        return Source(spec=spec.stored_in(tensors.names()), tensors=tensors, tokenizer=tokenizer)
    return Source(
        spec=spec,
        tensors=random_weights(folder, spec.shapes(), random.seed),
        tokenizer=tokenizer if tokenizer.is_file() else default_model() / TOKENIZER_NAME,
    )
