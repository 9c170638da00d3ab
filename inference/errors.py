"""Errors that a user, a file or a request can cause: expected, found, what to do."""


class MixlineError(Exception):
    """Base of every error whose message is meant for the user, without a traceback."""


class OperatorLibraryError(MixlineError):
    """The native operator library is missing, or ONNX Runtime refuses it."""


class LayoutError(MixlineError, ValueError):
    """Weights, or a request about them, that the packed layout cannot express."""


class ModelDirectoryError(MixlineError):
    """A model directory is missing, damaged, of another format, or contradicts its manifest."""


class OutOfMemoryError(MixlineError):
    """The system gives no more memory."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"there is not enough memory to {what}; close other programs, raise the limit that this"
            " one runs under, or choose a smaller model"
        )


class ProviderError(MixlineError):
    """The provider that was asked for cannot run the model here."""


class ContextLengthError(MixlineError):
    """A prompt does not fit into the model's context or the KV budget."""


class RequestError(MixlineError):
    """A request carries a value outside its range."""


class EngineClosedError(MixlineError):
    """The engine was closed before or while the request ran."""
