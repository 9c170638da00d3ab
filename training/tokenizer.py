r"""Trains the byte-level BPE tokenizer, with Mixline's markers as its first ids.

The split pattern is one that llama.cpp has built in (pre-tokenizer "poro-chat"):
runs of anything but blanks and `( ) | . , ! ?`, with at most one leading space. So an identifier
with underscores stays whole, and a newline with all but the last space of the indentation behind
it is one piece.
"""

import json
import random
from collections.abc import Iterator
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from training.corpus import Corpus
from training.errors import CheckpointError

SPECIALS = (
    "<|endoftext|>",
    "<|pad|>",
    "<|fim_prefix|>",
    "<|fim_suffix|>",
    "<|fim_middle|>",
    "<|file_sep|>",
    "<|doc|>",
    "<|fix|>",
    "<|diag|>",
    "<|repo_name|>",
    *(f"<|reserved_{index}|>" for index in range(6)),
)
ENDOFTEXT, PAD, FIM_PREFIX, FIM_SUFFIX, FIM_MIDDLE, FILE_SEP, DOC, FIX, DIAG = range(9)

LLAMA_CPP_PRE = "poro-chat"
SPLIT_PATTERN = " ?[^(\\s|.,!?…。，、।۔،)]+"  # noqa: RUF001 - as llama.cpp has it
_SAMPLE_BYTES = 40_000_000


def train(corpus: Corpus, *, vocab: int, pattern: str = SPLIT_PATTERN, seed: int = 1) -> Tokenizer:
    """Learns `vocab` tokens (markers and 256 bytes included) from the training split."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab,
        special_tokens=list(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        max_token_length=32,
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(corpus, seed), trainer=trainer)
    return tokenizer


def _texts(corpus: Corpus, seed: int) -> Iterator[str]:
    files = [file for file in corpus.files if file.split == "train"]
    random.Random(seed).shuffle(files)  # noqa: S311 - a reproducible sample, nothing secret
    left = _SAMPLE_BYTES
    for file in files:
        left -= file.end - file.start
        if left < 0:
            return
        yield corpus.read(file)


def save(tokenizer: Tokenizer, path: Path) -> None:
    """Writes tokenizer.json."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(path), pretty=False)


def load_plain(path: Path) -> Tokenizer:
    """Opens a tokenizer.json without its added tokens, so that no text can yield a marker.

    Raises:
        CheckpointError: the file is missing, or is not a tokenizer with Mixline's markers.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        vocabulary = data["model"]["vocab"]
        found = [vocabulary.get(name) for name in SPECIALS]
        data["added_tokens"] = []
        plain = Tokenizer.from_str(json.dumps(data))
    except Exception as error:  # the tokenizers library raises bare Exception
        raise CheckpointError(
            f"expected a tokenizer.json with Mixline's markers as ids 0-15 at {path}, found: "
            f"{error}; train one with `python -m training tokenizer`"
        ) from error
    if found != list(range(len(SPECIALS))):
        raise CheckpointError(
            f"{path}: expected Mixline's markers as ids 0-15, found the ids {found}; train another "
            "with `python -m training tokenizer`"
        )
    return plain
