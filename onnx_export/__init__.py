"""Offline: turn a Hugging Face checkpoint into a model directory that the engine runs."""

from onnx_export.adapt import write_adapted
from onnx_export.decoder_weights import (
    Adapter,
    DecoderWeights,
    FrozenLayer,
    TunedLayer,
    TunedWeights,
)
from onnx_export.errors import CheckpointError, ExportError, UnsupportedError
from onnx_export.outlook import Outlook, outlook
from onnx_export.pipeline import ExportReport, export_checkpoint
from onnx_export.presets import preset_names
from onnx_export.read_back import read_weights
from onnx_export.source import RandomWeights
from onnx_export.transformers_logits import transformers_logits
from onnx_export.verify import LogitsFunction, VerifyReport

__all__ = [
    "Adapter",
    "CheckpointError",
    "DecoderWeights",
    "ExportError",
    "ExportReport",
    "FrozenLayer",
    "LogitsFunction",
    "Outlook",
    "RandomWeights",
    "TunedLayer",
    "TunedWeights",
    "UnsupportedError",
    "VerifyReport",
    "export_checkpoint",
    "outlook",
    "preset_names",
    "read_weights",
    "transformers_logits",
    "write_adapted",
]
