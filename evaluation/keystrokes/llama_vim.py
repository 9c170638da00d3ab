"""llama.vim's way of asking, as the peer beside the language server, on the same model in GGUF.

After its `autoload/llama.vim`: 256 lines before and 64 lines behind the cursor, nothing where more
than 8 characters stand right of it, one request at a time (a further one is tried again after
0.1 s), 250 ms for the first request and 1 s for the one after it that goes on from what is shown,
results kept by their text, found again up to 128 typed characters later, and chunks of other places
before the prompt (chunks picked while typing would join it after 3 s without a key, which never
come; so only opening a file picks any). The server is `llama_process`, fed with token ids:
llama.cpp's own HTTP server takes ids only without its rules for infilling, and PyPI's package does
not have it.
"""

import asyncio
import json
import random
import sys
from asyncio.subprocess import PIPE, Process
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import unquote

from lsprotocol import types

from evaluation.errors import ServerError
from evaluation.keystrokes.assistant import Suggestion, Work
from evaluation.keystrokes.llama_prompt import LlamaPrompts
from evaluation.keystrokes.llama_ring import CHUNK_LINES, Ring
from evaluation.keystrokes.llama_text import Around, around, shown_text
from inference.model_dir import ModelDir

_MAX_LINE_SUFFIX: Final = 8
_FIRST_MS: Final = 250
_LATER_MS: Final = 1000
_NUM_PREDICT: Final = 128
_RETRY_S: Final = 0.1
# llama.cpp's threads wait for each other in a loop: on two cores that others use too, two threads
# took 1.7 s of CPU time for an answer that one gave in 8 ms.
_THREADS: Final = 1
_BACK_SCAN: Final = 128
_MAX_RESULTS: Final = 250
_TRIMMED: Final = 3  # further keys of a result: without the first lines of its prefix

_Key = tuple[str, str]  # text before and behind the cursor


class LlamaVim:
    """The plugin and its server; an asynchronous context manager.

    Args:
        gguf: the model's file.
        model: the directory it was made from.
        root: the folder of repositories.
    """

    def __init__(self, gguf: Path, model: Path, root: Path) -> None:
        self._arguments = (str(gguf), str(_THREADS))
        self._prompts = LlamaPrompts(ModelDir.open(model), _NUM_PREDICT)
        self._root = root.as_uri() + "/"
        self._ring = Ring(random.Random(0))  # noqa: S311 - repeatable, no secret
        self._process: Process | None = None
        self._buffers: dict[str, list[str]] = {}
        self._version = 0
        self._place: tuple[str, int, int] = ("", 0, 0)  # buffer, row, column of the cursor
        self._asked = 0
        self._answered: Callable[[Suggestion | None], None] | None = None  # who waits
        self._is_shown = False
        self._job: asyncio.Task[None] | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._results: OrderedDict[_Key, str] = OrderedDict()
        self._indent = 0
        self._work = Work(busy=False, prompt_tokens=0, cached_tokens=0, generated_tokens=0)
        self.name = "llama.vim"

    @property
    def pid(self) -> int:
        """The server's process."""
        if self._process is None:
            raise ServerError("expected a running llama.cpp, found none; use the peer in `with`")
        return self._process.pid

    async def __aenter__(self) -> Self:
        gguf, threads = self._arguments
        context = str(self._prompts.context)
        module = "evaluation.keystrokes.llama_process"
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, gguf, context, threads, stdin=PIPE, stdout=PIPE
        )
        await self._read()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._forget_plans()
        if self._job is not None:
            await self._job
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            await self._process.wait()

    def open(self, uri: str, text: str) -> int:
        """Open a buffer; a chunk of its first lines joins the prompt."""
        self._buffers[uri] = text.split("\n")
        self._ring.pick(self._path(uri), self._buffers[uri][:CHUNK_LINES])
        self._version += 1
        return self._version

    def close(self, uri: str) -> None:
        """Close a buffer."""
        del self._buffers[uri]
        self._forget_plans()

    def change(self, uri: str, start: types.Position, end: types.Position, text: str) -> int:
        """Replace a part of a buffer."""
        lines = self._buffers[uri]
        first, last = lines[start.line], lines[end.line]
        head = first[: _column(first, start.character)]
        tail = last[_column(last, end.character) :]
        lines[start.line : end.line + 1] = (head + text + tail).split("\n")
        self._version += 1
        return self._version

    def ask(
        self,
        uri: str,
        position: types.Position,
        *,
        invoked: bool,
        answered: Callable[[Suggestion | None], None],
    ) -> str:
        """The cursor has moved: look in the cache, and ask the server."""
        self._answer(None)
        column = _column(self._buffers[uri][position.line], position.character)
        self._place = (uri, position.line, column)
        self._asked += 1
        self._answered = answered
        self._is_shown = False
        self._try_hint()
        self._fim(self._place, (), invoked=invoked)
        return str(self._asked)

    def withdraw(self, identifier: str) -> None:
        """Forget who waits; the request to the server goes on."""
        if identifier == str(self._asked):
            self._answered = None

    async def work(self) -> Work:
        """Return what was done so far."""
        return replace(self._work, busy=self._job is not None or self._retry is not None)

    def _fim(self, place: tuple[str, int, int], ahead: Sequence[str], *, invoked: bool) -> None:
        """Ask the server, if it is free and the answer is not there already."""
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if self._job is not None:
            again = partial(self._fim, place, ahead, invoked=False)
            self._retry = asyncio.get_running_loop().call_later(_RETRY_S, again)
            return
        uri, row, column = place
        lines = self._buffers[uri]
        if row >= len(lines):
            return  # the place of an older try is gone
        view = around(lines, row, column, ahead)
        if len(view.line_rest) > _MAX_LINE_SUFFIX and not invoked:
            return
        keys = _keys(view)
        if any(key in self._results for key in keys):
            return
        self._indent = self._indent if ahead else view.indent
        half = CHUNK_LINES // 2
        self._ring.drop_like(self._path(uri), lines[max(0, row - half) : row + half])
        request = {
            "prompt": self._prompts.build(view, self._path(uri), self._ring.chunks),
            "n_predict": _NUM_PREDICT,
            "n_indent": self._indent,
            "t_max_predict_ms": _LATER_MS if ahead else _FIRST_MS,
        }
        self._job = asyncio.get_running_loop().create_task(self._run(request, keys))

    async def _run(self, request: dict[str, Any], keys: Sequence[_Key]) -> None:
        if self._process is None or self._process.stdin is None:
            raise ServerError("expected a running llama.cpp, found none; use the peer in `with`")
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        await self._process.stdin.drain()
        answer = await self._read()
        self._job = None
        done = self._work
        self._work = Work(
            busy=False,
            prompt_tokens=done.prompt_tokens + answer["prompt_tokens"],
            cached_tokens=done.cached_tokens + answer["cached_tokens"],
            generated_tokens=done.generated_tokens + answer["generated_tokens"],
        )
        for key in keys:
            self._results[key] = answer["content"]
        while len(self._results) > _MAX_RESULTS:
            self._results.popitem(last=False)
        if not self._is_shown:
            self._try_hint()
        if self._job is None and self._retry is None:
            self._answer(None)

    async def _read(self) -> dict[str, Any]:
        stream = None if self._process is None else self._process.stdout
        line = b"" if stream is None else await stream.readline()
        if not line:
            raise ServerError("expected an answer of llama.cpp, its process has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _try_hint(self) -> None:
        """Show what the results hold for the cursor, and go on from there."""
        uri, row, column = self._place
        lines = self._buffers.get(uri)
        if lines is None:
            return
        content = self._find(around(lines, row, column))
        suggestion = None if content is None else shown_text(content, lines, row, column)
        if suggestion is None:
            return
        self._is_shown = True
        self._answer(suggestion)
        ahead = suggestion.text[: len(suggestion.text) - suggestion.absorbed].split("\n")
        self._fim(self._place, ahead, invoked=False)

    def _find(self, view: Around) -> str | None:
        """Return an answer for this very text, or what is left of one before some typed text."""
        before = view.prefix + view.middle
        if (exact := self._results.get((before, view.suffix))) is not None:
            return exact
        best = None
        for length in range(1, min(_BACK_SCAN, len(before)) + 1):
            content = self._results.get((before[:-length], view.suffix))
            if content is not None and content.startswith(before[-length:]):
                rest = content[length:]
                if len(rest) > len(best or ""):
                    best = rest
        return best

    def _answer(self, suggestion: Suggestion | None) -> None:
        answered, self._answered = self._answered, None
        if answered is not None:
            answered(suggestion)

    def _forget_plans(self) -> None:
        self._answered = None
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def _path(self, uri: str) -> str:
        return unquote(uri.removeprefix(self._root))


def _keys(view: Around) -> list[_Key]:
    """Return the text of a request, and the same without its first lines: after scrolling."""
    keys = []
    prefix = view.prefix
    for _ in range(_TRIMMED + 1):
        keys.append((prefix + view.middle, view.suffix))
        prefix = prefix.partition("\n")[2]
        if not prefix:
            break
    return keys


def _column(line: str, units: int) -> int:
    """Return the characters that take so many UTF-16 units."""
    if line.isascii():
        return units
    encoded = line.encode("utf-16-le", "surrogatepass")[: 2 * units]
    return len(encoded.decode("utf-16-le", "surrogatepass"))
