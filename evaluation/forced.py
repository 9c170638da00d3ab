"""What network and workspace expert say before each token of a line that is known.

The true rest of a line is written token by token, whatever either would have chosen (its last two
tokens before the cursor first, as a generation does). One forward pass a place suffices.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from evaluation.next_line import request
from evaluation.positions import Position
from evaluation.repositories import SourceFile
from inference.generate import Generator
from inference.healing import Rewriting
from inference.sampling import distribution
from inference.workspace_expert import WorkspaceExpert
from inference.workspace_match import Table, agreed
from inference.workspace_weights import network_features

# N places of the workspace, K tokens that they go on with, V vocabulary

Floats: TypeAlias = npt.NDArray[np.float32]
Ids: TypeAlias = npt.NDArray[np.intp]
_CHUNK: Final = 256  # tokens of a forward pass
_MOST_TOKENS: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One token of a true line and what was expected in its place."""

    line: int  # number of the line, the same for all its steps
    table: Table  # ``[N, C]``
    which: Ids  # ``[N]``, index of the token that each place goes on with
    chances: Floats  # ``[K]``, the network's probability of these tokens
    right: int  # index of the true token among them, -1 if it is not
    chance: float  # the network's probability of the true token
    network: Floats  # see `network_features`


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """The network's side of one line, the same whatever the workspace holds."""

    target: list[int]
    taken: bytes
    probabilities: list[Floats]


def steps(
    generator: Generator, position: Position, indexes: list[list[SourceFile]], first_line: int
) -> Iterator[Step]:
    """Yield the steps of one place, with one set of other files after the other.

    Args:
        generator: an open model.
        position: the place.
        indexes: other files of the workspace.
        first_line: number of the line with the first set.

    Raises:
        MixlineError: the model failed.
    """
    asked = request(position, [], workspace_expert=True)
    prompt, taken = generator.healer.take_back(generator.prompts.build(asked), asked.prefix)
    text = taken.decode("utf-8", "ignore") + position.expected + "\n"
    target = generator.tokenizer.encode(text)[:_MOST_TOKENS]
    if len(prompt) + len(target) > generator.context:
        return
    known = _Known(
        target=target,
        taken=taken,
        probabilities=_read(generator, asked.document, prompt, target, taken),
    )
    for number, files in enumerate(indexes):
        yield from _walk(generator, position, known, files, first_line + number)


def _read(
    generator: Generator, document: str, prompt: list[int], target: list[int], taken: bytes
) -> list[Floats]:
    """Return the probabilities ``[V]`` before each token of the target, equals merged."""
    slot, start = generator.cache.acquire(document, prompt, len(prompt) + len(target))
    ids = prompt + target[:-1]
    logits: list[Floats] = []
    while start < len(ids):
        end = min(len(ids), start + _CHUNK)
        first = max(0, len(prompt) - 1 - start)
        if first < end - start:
            logits += list(generator.session.run_scored(slot.kv, ids[start:end], first, 1.0))
        else:
            generator.session.run(slot.kv, ids[start:end], 1.0)
        start = end
    rewriting = Rewriting(generator.healer, taken)
    read = []
    for row, token in zip(logits, target, strict=True):
        if rewriting.left:
            mask, ends = rewriting.mask(require_text=False, multi_line=False), rewriting.line_ends()
        else:
            mask, ends = generator.vocabulary.anything, generator.vocabulary.line_ends
        read.append(distribution(row + mask))
        ends.merge(read[-1])
        rewriting.consume(generator.tokenizer.token_bytes(token))
    return read


def _walk(
    generator: Generator,
    position: Position,
    known: _Known,
    files: list[SourceFile],
    line: int,
) -> Iterator[Step]:
    rewriting = Rewriting(generator.healer, known.taken)
    asked = request(position, files, workspace_expert=True)
    expert = WorkspaceExpert(asked, generator.tokenizer, generator.stop_id, rewriting.text)
    text = ""
    pairs = zip(known.target, known.probabilities, strict=True)
    for number, (token, probabilities) in enumerate(pairs):
        ends = rewriting.line_ends() if rewriting.left else generator.vocabulary.line_ends
        true = ends.equal.get(token, token)
        tokens, chances = expert.foretell(probabilities, ends)
        (kept,) = np.nonzero(chances > 0.0)
        unique, which = np.unique(tokens[kept], return_inverse=True)
        (right,) = np.nonzero(unique == true)
        yield Step(
            line=line,
            table=agreed(expert.places.table[kept], which),
            which=which,
            chances=probabilities[unique],
            right=int(right[0]) if right.size else -1,
            chance=float(probabilities[true]),
            network=network_features(
                float(probabilities.max()), tokens=number, healing=bool(rewriting.left)
            ),
        )
        new = rewriting.consume(generator.tokenizer.token_bytes(token)).decode("utf-8", "ignore")
        if "\n" in new:
            return
        text += new
        logprob = math.log(max(float(probabilities[true]), 1e-45))
        expert.advance(true, new, text, logprob=logprob, rewritten=rewriting.text)
