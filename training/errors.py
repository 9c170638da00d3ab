"""What can go wrong in training through a user's input, each with a sentence that helps."""


class TrainingError(Exception):
    """Base of everything `python -m training` reports as one sentence."""


class CorpusError(TrainingError):
    """A folder, licence or corpus directory is not what was expected."""


class RecipeError(TrainingError):
    """A recipe file lacks a key, or holds one that makes no sense."""


class CheckpointError(TrainingError):
    """A checkpoint is missing, damaged, or belongs to another recipe."""


class ParcelError(TrainingError):
    """Files that were cut up for a transfer are missing, damaged or too large."""
