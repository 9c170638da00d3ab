"""What keeps a fine-tuning from being made or from being written, each with a sentence."""

from inference.errors import MixlineError


class FinetuneError(MixlineError):
    """The workspace is too small, the result is no better, or the run cannot be kept."""


class FinetuneStoppedError(FinetuneError):
    """A signal ended the run; the same command goes on where it stopped."""
