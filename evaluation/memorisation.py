"""How often a model repeats its training data: greedy outputs that stand verbatim in the corpus.

Prompts are cut from files of the corpus: half the sample from those that were trained on, half from
the held-out ones. 50 tokens follow, the most likely one each time, no rule stops them. An output is
memorised if the training part of the corpus has it: byte for byte, or with every run of blanks as
one blank. `source` counts those that are the prompt's own continuation.
"""

import random
from dataclasses import dataclass
from typing import Final

import numpy as np

from evaluation.errors import DataError
from evaluation.intervals import Interval, rounded, span, wilson
from evaluation.options import Options
from evaluation.progress import Progress
from evaluation.resume import ResultCache, cache_file, digest, measure_all
from evaluation.subject import Subject, describe_subject, headline
from inference.kv_cache import KvCache
from inference.loading import open_session
from inference.model_dir import ModelDir
from inference.session import Session
from inference.tokenizer import Tokenizer
from inference.vocabulary import Vocabulary
from training.corpus import Corpus, File, Split, open_corpus
from training.errors import CorpusError

SEED: Final = 20
OUTPUT_TOKENS: Final = 50
DEFAULT_PROMPTS: Final = 500  # of either split
_PROMPT_TOKENS: Final = 200  # at most
_MIN_CHARACTERS: Final = 200  # of a prompt, and of what follows it in its file
_WINDOW: Final = 1500  # characters encoded for a prompt
SPLITS: Final[tuple[Split, ...]] = ("train", "heldout")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A place in a file of the corpus."""

    split: Split
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What the model wrote behind a prompt."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How many outputs of one split are memorised."""

    n: int
    verbatim: float
    verbatim_ci95: Interval
    normalised: float  # blanks aside
    normalised_ci95: Interval
    source: float  # the prompt's own continuation, blanks aside


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorisationReport:
    """All figures of one run."""

    n: int
    output_tokens: int
    corpus: str  # digest
    seed: int
    train: Share
    heldout: Share
    subject: Subject


class Writer:
    """Writes greedily behind a plain text, stop tokens and markers excepted."""

    def __init__(self, session: Session, tokenizer: Tokenizer, vocabulary: Vocabulary) -> None:
        self._session = session
        self._tokenizer = tokenizer
        self._mask = vocabulary.text
        self._start_id = next(iter(vocabulary.stop_ids), 0)
        self._kv = KvCache(session.kv_shape)

    def write(self, before: str) -> str:
        """Return 50 tokens' text.

        Raises:
            MixlineError: the model failed.
        """
        context = self._session.kv_shape.context
        ids = self._tokenizer.encode(before)[-min(_PROMPT_TOKENS, context - OUTPUT_TOKENS - 1) :]
        self._kv.rewind(0)
        self._kv.reserve(len(ids) + 1 + OUTPUT_TOKENS, context)
        logits = self._session.run(self._kv, [self._start_id, *ids], 1.0)
        written: list[int] = []
        while True:
            written.append(int(np.argmax(logits + self._mask)))
            if len(written) == OUTPUT_TOKENS:
                return self._tokenizer.decode(written)
            logits = self._session.run(self._kv, written[-1:], 1.0)


def evaluate(options: Options) -> MemorisationReport:
    """Write behind 500 prompts of either split, or `limit` of them, and look for the outputs.

    Raises:
        DataError: there is no corpus.
        MixlineError: the model cannot be opened or run.
    """
    if options.data is None:
        raise DataError(
            "expected --data CORPUS, the folder that `training corpus` wrote; none given"
        )
    try:
        corpus = open_corpus(options.data)
    except CorpusError as error:
        raise DataError(str(error)) from error
    prompts = [
        prompt
        for split in SPLITS
        for prompt in draw_prompts(corpus, split, options.limit or DEFAULT_PROMPTS)
    ]
    model = ModelDir.open(options.model)
    tokenizer = Tokenizer.open(model.tokenizer)
    stop_ids = frozenset(model.manifest.stop_ids)
    size = model.manifest.architecture.vocab
    writer = Writer(
        open_session(model, options.config.threads),
        tokenizer,
        Vocabulary(tokenizer, size=size, stop_ids=stop_ids),
    )
    with (
        ResultCache(
            cache_file("memorisation", options.model, {}), Output, fresh=options.fresh
        ) as cache,
        Progress("memorisation", len(prompts)) as progress,
    ):
        outputs = measure_all(
            prompts,
            key=lambda prompt: digest(prompt.before),
            measure=lambda prompt: Output(text=writer.write(prompt.before)),
            cache=cache,
            progress=progress,
        )
    texts = [output.text for output in outputs]
    exact, loose = look_up(texts, corpus)
    rows = list(zip(prompts, texts, exact, loose, strict=True))
    shares = {split: _share([row for row in rows if row[0].split == split]) for split in SPLITS}
    return MemorisationReport(
        n=len(prompts),
        output_tokens=OUTPUT_TOKENS,
        corpus=corpus.digest[:16],
        seed=SEED,
        train=shares["train"],
        heldout=shares["heldout"],
        subject=describe_subject(options.model, options.data),
    )


def draw_prompts(corpus: Corpus, split: Split, count: int) -> list[Prompt]:
    """Draw places; a project first, then a file of it, then a character.

    Raises:
        DataError: the split has no file that is long enough.
    """
    by_source: dict[str, list[File]] = {}
    for file in corpus.files:
        if file.split == split and file.end - file.start > 4 * _MIN_CHARACTERS:
            by_source.setdefault(file.source, []).append(file)
    if not by_source:
        raise DataError(f"expected files of the split {split!r} in the corpus, found none")
    rng = random.Random(f"{SEED}/{split}")  # noqa: S311 - reproducible, nothing secret
    sources = sorted(by_source)
    prompts: list[Prompt] = []
    while len(prompts) < count:
        text = corpus.read(rng.choice(by_source[rng.choice(sources)]))
        if len(text) > 2 * _MIN_CHARACTERS:
            at = rng.randrange(_MIN_CHARACTERS, len(text) - _MIN_CHARACTERS)
            prompts.append(
                Prompt(split=split, before=text[max(0, at - _WINDOW) : at], after=text[at:])
            )
    return prompts


def look_up(texts: list[str], corpus: Corpus) -> tuple[list[bool], list[bool]]:
    """Return for each text whether what was trained on has it, byte for byte and blanks aside."""
    trained = [file for file in corpus.files if file.split == "train"]
    data = (corpus.folder / "text.bin").read_bytes()
    data = b"\0".join(data[file.start : file.end] for file in trained)
    exact = [text.encode() in data for text in texts]
    data = _normalised(data)
    return exact, [_normalised(text.encode()) in data for text in texts]


def _normalised(data: bytes) -> bytes:
    return b" ".join(data.split())


def _share(rows: list[tuple[Prompt, str, bool, bool]]) -> Share:
    n = len(rows)
    exact = sum(row[2] for row in rows)
    loose = sum(row[3] for row in rows)
    source = sum(
        _normalised(prompt.after.encode()).startswith(_normalised(text.encode()))
        for prompt, text, _, _ in rows
    )
    return Share(
        n=n,
        verbatim=rounded(exact / n),
        verbatim_ci95=wilson(exact, n),
        normalised=rounded(loose / n),
        normalised_ci95=wilson(loose, n),
        source=rounded(source / n),
    )


def table(report: MemorisationReport) -> str:
    """Return the report for people."""
    rows = [
        f"| {split} | {share.n} | {share.verbatim:.1%} | {span(share.verbatim_ci95)}"
        f" | {share.normalised:.1%} | {span(share.normalised_ci95)} | {share.source:.1%} |"
        for split, share in (("train", report.train), ("heldout", report.heldout))
    ]
    return f"""\
{headline(report.subject)}
greedy outputs of {report.output_tokens} tokens that stand in the training part of the corpus \
{report.corpus}, seed {report.seed}

| prompts from | n | verbatim | 95 % interval | blanks aside | 95 % interval | its own text |
|---|---|---|---|---|---|---|
""" + "\n".join(rows)
