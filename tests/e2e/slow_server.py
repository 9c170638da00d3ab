"""The language server, with a model that takes two seconds more for every completion."""

import time

from inference.cancel import CancelToken
from inference.generate import Generator, Report
from inference.request import Completion, CompletionRequest
from lsp_server import ServerOptions, serve_stdio

MORE_S = 2.0
_STEP_S = 0.02

_generate = Generator.generate


def _slow(
    self: Generator, request: CompletionRequest, cancel: CancelToken, report: Report
) -> Completion:
    end = time.monotonic() + (0.0 if request.prefill_only else MORE_S)
    while time.monotonic() < end and not cancel.cancelled:
        time.sleep(_STEP_S)
    return _generate(self, request, cancel, report)


Generator.generate = _slow  # type: ignore[method-assign]
serve_stdio(ServerOptions())
