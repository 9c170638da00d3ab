"""Errors of the benchmarks that their data or the machine cause."""

from inference import MixlineError


class DataError(MixlineError):
    """The data named on the command line are missing, unreadable or of another format."""


class SandboxError(MixlineError):
    """This machine cannot run the sandbox that tests of generated code need."""


class ServerError(MixlineError):
    """The language server that a benchmark drives did not come up or went away."""
