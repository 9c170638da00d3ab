"""The workspace expert without a network: what it would write for the rest of a line."""

from pathlib import Path
from typing import Self

import numpy as np

from inference import CompletionRequest
from inference.line_ends import LineEnds
from inference.model_dir import ModelDir
from inference.tokenizer import TextDecoder, Tokenizer
from inference.workspace_expert import WorkspaceExpert


class WorkspaceAlone:
    """The workspace expert without the network: greedily what most evidence is for."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Take the tokens in which the expert thinks."""
        self._tokenizer = tokenizer
        spelled = [(tokenizer.token_bytes(token), token) for token in range(tokenizer.size)]
        self._ends = LineEnds.among(spelled, frozenset())
        self._any = np.ones(tokenizer.size, dtype=np.float32)

    @classmethod
    def of(cls, model: Path) -> Self:
        """Take the tokens of a model directory.

        Raises:
            ModelDirectoryError: the directory cannot be opened.
        """
        return cls(Tokenizer.open(ModelDir.open(model).tokenizer))

    def complete(self, asked: CompletionRequest) -> str:
        """Return what is expected for the rest of the line, "" for nothing."""
        expert = WorkspaceExpert(asked, self._tokenizer, None)
        decoder = TextDecoder()
        text = ""
        for _ in range(asked.max_tokens):
            hint = expert.hint(self._any, self._ends)
            if hint is None:
                break
            token = int(hint.tokens[hint.weights.argmax()])
            written = decoder.push(self._tokenizer.token_bytes(token))
            text += written
            if "\n" in written:
                break
            expert.advance(token, written, text, logprob=0.0)
        return text.split("\n", maxsplit=1)[0]
