"""The language server, with a model that takes two seconds more for every completion.

`slow_server.py [FILE]`: appends to the file when the model begins and ends: `begun` or `ended`,
the document's name, the line before the cursor.
"""

import sys
import time
from pathlib import Path

from inference.cancel import CancelToken
from inference.generate import Generator, Report
from inference.request import Completion, CompletionRequest
from lsp_server import ServerOptions, serve_stdio

MORE_S = 2.0
_STEP_S = 0.02

_generate = Generator.generate


def _tell(what: str, request: CompletionRequest) -> None:
    if len(sys.argv) > 1:
        line = request.prefix.rpartition("\n")[2].strip()
        with Path(sys.argv[1]).open("a", encoding="utf-8") as file:
            file.write(f"{what} {request.document.rpartition('/')[2]} {line}\n")


def _slow(
    self: Generator, request: CompletionRequest, cancel: CancelToken, report: Report
) -> Completion:
    if request.prefill_only:
        return _generate(self, request, cancel, report)
    _tell("begun", request)
    end = time.monotonic() + MORE_S
    while time.monotonic() < end and not cancel.cancelled:
        time.sleep(_STEP_S)
    completion = _generate(self, request, cancel, report)
    _tell("ended", request)
    return completion


Generator.generate = _slow  # type: ignore[method-assign]
serve_stdio(ServerOptions())
