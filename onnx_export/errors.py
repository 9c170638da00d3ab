"""Errors of an export: what in the checkpoint, or on the disk, is not as expected."""

from inference.errors import MixlineError


class ExportError(MixlineError):
    """The export cannot be done; nothing is left behind where the model should stand."""


class CheckpointError(ExportError):
    """A file of the checkpoint is missing, damaged, or not as its configuration says."""


class UnsupportedError(ExportError):
    """The checkpoint is sound, but has a property that the exporter does not know."""
