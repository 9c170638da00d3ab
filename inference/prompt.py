"""What the model reads for one request: file header, text behind the cursor, text before it.

Parts are encoded on their own, so their borders are token borders, as in training. Everything but
the end of the prefix stays the same while somebody types: the text behind the cursor is cut by what
stands there alone, and the text before the cursor starts at a pinned line that moves in jumps.
"""

import re
from collections import OrderedDict
from typing import Final

from inference.comparing import common_prefix
from inference.errors import ContextLengthError
from inference.fim import holds_back_line, num_markers, render
from inference.manifest import NO_TASKS, ChatFormat, FimMarkers, TaskTokens
from inference.request import CompletionRequest
from inference.tokenizer import Tokenizer
from inference.written_prompt import WrittenPrompt

MIN_BUDGET: Final = 16  # tokens; below it no prompt makes sense
_PATH_SHARE: Final = 8  # the path takes at most an eighth of the budget, else it is left out
_SNIPPETS_SHARE: Final = 4
_TASK_SHARE: Final = 4  # more of a complaint than that is no help
_SUFFIX_SHARE: Final = 4
_QUESTION_SHARE: Final = 0.75  # suffix and snippets are in it; a longer one is not asked
_JUMP: Final = 0.8  # a new start leaves the prefix a fifth of its room to grow before the next
_BORDER_SHARE: Final = 6  # a start moves on to a definition over at most a sixth of the prefix
_SHRUNK: Final = 0.4  # a pinned prefix shorter than this share of its room is pinned anew
_ANCHOR: Final = 200  # characters by which a pinned start is found again
_CHARACTERS_PER_TOKEN: Final = 12  # more text than the budget times this is never encoded
_WINDOWS_OF_A_DOCUMENT: Final = 3  # as many as it has slots in the KV cache
_PINNED_DOCUMENTS: Final = 64
_LINE_START: Final = re.compile(r"(?<=\n)")


class PromptBuilder:
    """Renders requests to token ids; remembers each document's pinned start. Not thread-safe."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        markers: FimMarkers,
        *,
        budget: int,
        start_id: int,
        tasks: TaskTokens = NO_TASKS,
        chat: ChatFormat | None = None,
        begin_id: int | None = None,
    ) -> None:
        """Build prompts.

        Args:
            tokenizer: of the model.
            markers: of the model.
            budget: tokens of the largest prompt.
            start_id: stands alone where a prompt would be empty.
            tasks: tokens of the tasks that the model is trained on.
            chat: of the model; used where it has no markers to fill a gap with.
            begin_id: stands before every prompt.

        Raises:
            ContextLengthError: the budget is below `MIN_BUDGET`.
        """
        if budget < MIN_BUDGET:
            raise ContextLengthError(
                f"expected room for prompts of at least {MIN_BUDGET} tokens, got {budget}; use a"
                " model with a longer context or allow more KV memory"
            )
        self.budget = budget
        self._tokenizer = tokenizer
        self._markers = markers
        self._start_id = start_id
        self._begin = [] if begin_id is None else [begin_id]
        self._tasks = tasks
        asks = chat is not None and markers.style == "none"
        self._written = WrittenPrompt(tokenizer, chat) if chat is not None and asks else None
        # document -> latest windows of the prefix, the last one first
        self._windows: OrderedDict[str, list[str]] = OrderedDict()

    def build(self, request: CompletionRequest) -> list[int]:
        """Return the prompt's ids, between 1 and `budget` of them."""
        behind = request.suffix if request.shown_suffix is None else request.shown_suffix
        can_fill = self._markers.style != "none" or self._written is not None
        fills = can_fill and bool(behind.strip())
        header = [*self._task(request), *self._header(request)]
        suffix = self._suffix(behind, self.budget // _SUFFIX_SHARE) if fills else []
        if self._written is not None:
            question = self._written.question(request, header, suffix)
            header = question if len(question) <= self.budget * _QUESTION_SHARE else []
            fills, suffix = False, []
        around = len(self._begin) + num_markers(self._markers, fills=fills)
        left = self.budget - around - len(header) - len(suffix)
        # Before the suffix a text that changes with every key would make the suffix new each time:
        # the cursor's line stands behind it then.
        held_back = fills and holds_back_line(self._markers)
        start = request.prefix.rfind("\n") + 1 if held_back else None
        line = self._line(request.prefix[start:], left // 2) if start is not None else []
        before = request.earlier + request.prefix[:start]
        prefix = self._prefix(request, before, left - len(line))
        ids = render(
            self._markers, header=header, prefix=prefix, suffix=suffix, fills=fills, line=line
        )
        return [*self._begin, *ids] or [self._start_id]

    def _line(self, text: str, room: int) -> list[int]:
        """Return the ids of a line's beginning; of a very long one the end that fits."""
        return self._tokenizer.encode(text[-room * _CHARACTERS_PER_TOKEN :])[-room:]

    def _task(self, request: CompletionRequest) -> list[int]:
        """Return the ids that say what is to be written; none for a model without that task."""
        asked, tokens = request.fix, self._tasks
        if request.docstring and tokens.doc is not None:
            return [tokens.doc]
        if asked is None or tokens.fix is None or tokens.diag is None:
            return []
        ids = self._tokenizer.encode(f"{asked.diagnostic}\n{asked.faulty}\n")
        return [tokens.fix, tokens.diag, *ids] if len(ids) <= self.budget // _TASK_SHARE else []

    def _header(self, request: CompletionRequest) -> list[int]:
        if self._written is not None:
            separator = self._written.file_separator
        elif self._markers.file_sep is not None:
            separator = [self._markers.file_sep]
        else:
            return []
        header: list[int] = []
        left = self.budget // _SNIPPETS_SHARE
        for snippet in request.snippets:
            if len(snippet.text) <= left * _CHARACTERS_PER_TOKEN:
                ids = [*separator, *self._tokenizer.encode(f"{snippet.path}\n{snippet.text}")]
                if len(ids) <= left:  # whole or not at all: a cut one would change with the others
                    header += ids
                    left -= len(ids)
        if request.path and self._written is None:
            ids = [*separator, *self._tokenizer.encode(f"{request.path}\n")]
            if len(ids) <= self.budget // _PATH_SHARE:
                header += ids
        return header

    def _suffix(self, text: str, room: int) -> list[int]:
        """Return the ids of the lines behind the cursor that fit, or of a long line's beginning."""
        end = min(len(text), room * _CHARACTERS_PER_TOKEN)
        while True:
            end = _line_end(text, end)
            lines = self._tokenizer.encode_lines(text[:end])
            excess = sum(map(len, lines)) - room
            if excess <= 0:
                return [token for line in lines for token in line]
            # Cut at most what is too much, so that the loop ends close to the room.
            end -= max(1, min(end // 2, excess))

    def _prefix(self, request: CompletionRequest, text: str, room: int) -> list[int]:
        """Return the ids of the text before the cursor, from its pinned start on."""
        document, length = request.document, len(text)
        text = text[-room * _CHARACTERS_PER_TOKEN :]
        known = self._windows.get(document, [])
        for window in known:
            pinned = _pinned_start(window, text)
            if pinned is None:
                continue
            ids = self._tokenizer.encode(text[pinned:])
            if len(ids) <= room and (pinned == 0 or len(ids) >= room * _SHRUNK):
                self._remember(document, text[pinned:], [old for old in known if old != window])
                return ids
        start = 0
        ids = self._tokenizer.encode(text)
        if len(ids) > room * _JUMP:
            start = self._jump(text, int(room * _JUMP))
            cut = len(request.earlier) - length + len(text)
            start = _border(start, [at + cut for at in request.borders], len(text))
            ids = self._tokenizer.encode(text[start:])
        self._remember(document, text[start:], known)
        return ids

    def _remember(self, document: str, window: str, others: list[str]) -> None:
        self._windows[document] = [window, *others][:_WINDOWS_OF_A_DOCUMENT]
        self._windows.move_to_end(document)
        if len(self._windows) > _PINNED_DOCUMENTS:
            self._windows.popitem(last=False)

    def _jump(self, text: str, room: int) -> int:
        """Return the earliest line start from which on the text fits; inside a line if need be."""
        start = len(text)
        count = 0  # of lines encoded one by one: close to that of the whole
        for line in reversed(_LINE_START.split(text)):
            count += len(self._tokenizer.encode(line))
            if count > room and start < len(text):
                break
            start -= len(line)
        while len(self._tokenizer.encode(text[start:])) > room:
            start = _line_start(text, start + max(1, (len(text) - start) // 16))
        return start


def _pinned_start(window: str, text: str) -> int | None:
    """Return where a former window begins in `text`, None if it is not there."""
    anchor = window[:_ANCHOR]
    best: int | None = None
    best_shared = 0
    found = text.find(anchor) if anchor else -1
    while found >= 0:
        shared = common_prefix(window, text[found : found + len(window)])
        if shared >= best_shared:  # in text that repeats, the last one: the nearest
            best, best_shared = found, shared
        found = text.find(anchor, found + 1)
    return best


def _border(start: int, borders: list[int], end: int) -> int:
    """Return the first border behind `start`, if no more than a part of the text is lost by it."""
    latest = start + (end - start) // _BORDER_SHARE
    return next((at for at in borders if start <= at <= latest), start)


def _line_start(text: str, at: int) -> int:
    """Return the first line start at or behind `at`; `at` itself if no line starts there."""
    if at == 0 or text[at - 1] == "\n":
        return at
    found = text.find("\n", at)
    return found + 1 if 0 <= found < len(text) - 1 else at


def _line_end(text: str, at: int) -> int:
    """Return the end of the last whole line before `at`; `at` itself if no line ends there."""
    if at >= len(text):
        return len(text)
    found = text.rfind("\n", 0, at)
    return found + 1 if found >= 0 else at
