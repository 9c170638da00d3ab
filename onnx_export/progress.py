"""How far an export is, in bytes of the checkpoint."""

from collections.abc import Callable
from typing import TypeAlias

from onnx_export.arch.spec import DecoderSpec
from onnx_export.checkpoint import Checkpoint

Progress: TypeAlias = Callable[[int, int, str], None]
"""Bytes read, bytes in all, what is being read."""


class ReadCounter:
    """Adds up the bytes that were read, and remembers the last tensor."""

    def __init__(self, tensors: Checkpoint, spec: DecoderSpec, progress: Progress) -> None:
        self._total = sum(tensors.num_bytes_of(name) for name in spec.shapes())
        self._progress = progress
        self.done = 0
        self.last_name = ""

    def __call__(self, name: str, num_bytes: int) -> None:
        """Count a tensor, or rows of one."""
        self.done += num_bytes
        self.last_name = name
        self._progress(self.done, self._total, name)

    def jump(self, done: int, name: str) -> None:
        """Go to the count that an earlier run had reached."""
        self.done = done
        self._progress(done, self._total, name)
