"""Offline: turn a Hugging Face checkpoint into a model directory that the engine runs."""

from onnx_export.errors import CheckpointError, ExportError, UnsupportedError
from onnx_export.pipeline import ExportReport, export_checkpoint
from onnx_export.verify import LogitsFunction, VerifyReport

__all__ = [
    "CheckpointError",
    "ExportError",
    "ExportReport",
    "LogitsFunction",
    "UnsupportedError",
    "VerifyReport",
    "export_checkpoint",
]
