"""A completion asked for in words, for models that chat but have no fill-in-the-middle markers.

The answer is begun for the model: what stands before the cursor is its first part, so that it goes
on from there and typing changes the prompt's end alone.
"""

from inference.manifest import ChatFormat
from inference.request import CompletionRequest
from inference.tokenizer import Tokenizer

FILE_SEPARATOR = "\nFile "
"""Stands where other models have a token."""


class WrittenPrompt:
    """The words around a request."""

    def __init__(self, tokenizer: Tokenizer, chat: ChatFormat) -> None:
        self._tokenizer = tokenizer
        self._before = self._ids(chat.before)
        self._after = self._ids(chat.after)
        self.file_separator = tokenizer.encode(FILE_SEPARATOR)

    def question(
        self, request: CompletionRequest, header: list[int], suffix: list[int]
    ) -> list[int]:
        """Return everything up to the answer's beginning.

        Args:
            request: its path and its task are told.
            header: other files.
            suffix: what stands behind the cursor; may be empty.
        """
        file = f"the source file {request.path}" if request.path else "a source file"
        asked = f"Write {file}"
        if suffix:
            opening = f"\n{asked}: the part that comes before the following text, which stays.\n\n"
        else:
            opening = f"\n{asked}."
        closing = f"\n\n{_task(request)}Answer with the code alone, without a fence or a remark."
        encode = self._tokenizer.encode
        return [
            *self._before,
            *header,
            *encode(opening),
            *suffix,
            *encode(closing),
            *self._after,
        ]

    def _ids(self, pieces: tuple[int | str, ...]) -> list[int]:
        ids: list[int] = []
        for piece in pieces:
            ids += [piece] if isinstance(piece, int) else self._tokenizer.encode(piece)
        return ids


def _task(request: CompletionRequest) -> str:
    if request.docstring:
        return "Each function begins with a docstring that says what the function does. "
    if request.fix is None:
        return ""
    return (
        f"Of these lines\n{request.fix.faulty}\na checker said: {request.fix.diagnostic}\n"
        "Write them as they should be. "
    )
