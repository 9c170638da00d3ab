"""Prompts for the peer: the token ids of llama-server's parts, in the order the model learned."""

from collections.abc import Sequence
from typing import Final

from evaluation.errors import DataError
from evaluation.keystrokes.llama_ring import Chunk
from evaluation.keystrokes.llama_text import Around
from inference.model_dir import ModelDir
from inference.tokenizer import Tokenizer

# llama-server's shares of a batch: three quarters before the cursor, a quarter behind; the context
# less that and twice the answer is for chunks. Its batch is half of our context here.
_PREFIX_SHARE: Final = 0.75
_CHARACTERS_PER_TOKEN: Final = 12  # more text is not even cut into tokens


class LlamaPrompts:
    """Makes prompts for one model.

    Args:
        model: its directory.
        num_predict: tokens of an answer.

    Raises:
        DataError: the model cannot fill in.
    """

    def __init__(self, model: ModelDir, num_predict: int) -> None:
        fim = model.manifest.fim
        if fim.prefix is None or fim.suffix is None or fim.middle is None:
            raise DataError("expected a model that fills in, found none of its markers")
        self._prefix, self._suffix, self._middle = fim.prefix, fim.suffix, fim.middle
        self._file = fim.file_sep
        self._tokenizer = Tokenizer.open(model.tokenizer)
        self.context: int = model.manifest.architecture.context
        self._batch = self.context // 2
        self._for_chunks = self.context - self._batch - 2 * num_predict

    def build(self, place: Around, path: str, chunks: Sequence[Chunk]) -> list[int]:
        """Return the ids: chunks, path, suffix, prefix."""
        header = self._header(path)
        room = self._batch - len(header) - 3
        before = self._encode_end(place.prefix + place.middle, int(room * _PREFIX_SHARE))
        behind = self._tokenizer.encode(place.suffix[: room * _CHARACTERS_PER_TOKEN])
        return [
            *self._chunks(chunks),
            *header,
            self._prefix,
            self._suffix,
            *behind[: room - int(room * _PREFIX_SHARE)],
            self._middle,
            *before,
        ]

    def _encode_end(self, text: str, room: int) -> list[int]:
        return self._tokenizer.encode(text[-room * _CHARACTERS_PER_TOKEN :])[-room:]

    def _header(self, path: str) -> list[int]:
        if self._file is None:
            return []
        return [self._file, *self._tokenizer.encode(f"{path}\n")]

    def _chunks(self, chunks: Sequence[Chunk]) -> list[int]:
        """Return the end of all chunks, as llama-server cuts them."""
        if self._file is None or self._for_chunks <= 0:
            return []
        ids: list[int] = []
        for chunk in chunks:
            text = "".join(line + "\n" for line in chunk.lines)
            ids += [self._file, *self._tokenizer.encode(f"{chunk.path}\n{text}")]
        return ids[-self._for_chunks :]
