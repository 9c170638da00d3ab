"""From a model directory to everything a generation needs, checked and warmed up."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from inference.config import EngineConfig
from inference.drafting import DraftCosts
from inference.errors import ModelDirectoryError
from inference.generate import Generator
from inference.healing import Healer
from inference.kv_cache import KvCache, KvShape
from inference.memory import free_bytes, kv_budget_tokens
from inference.model_dir import ModelDir
from inference.model_info import ModelInfo, describe
from inference.ops.library import chosen_kernel, library_path
from inference.pacing import ChunkPacer
from inference.prefix_cache import PrefixCache
from inference.prompt import PromptBuilder
from inference.session import PROVIDER, Session
from inference.tokenizer import Tokenizer
from inference.vocabulary import Vocabulary

Progress: TypeAlias = Callable[[str, float], None]

_GRAPH: Final = "cpu"
_RESERVE: Final = (
    256  # tokens kept free behind the largest prompt, at most a quarter of the context
)
_WARM_UP_TOKENS: Final = 16


def load(path: Path, config: EngineConfig, progress: Progress) -> tuple[Generator, ModelInfo]:
    """Open a model.

    Args:
        path: a model directory.
        config: threads, memory, chunks.
        progress: told the stage and the share done.

    Raises:
        OperatorLibraryError: our operators are missing or refused.
        ModelDirectoryError: the directory is damaged, contradicts itself, or cannot be run.
        ContextLengthError: context or KV budget leave no room for a prompt.
    """
    progress("Checking the model directory", 0.0)
    library = library_path()
    kernel = chosen_kernel()
    model = ModelDir.open(path)
    manifest = model.manifest
    architecture = manifest.architecture
    tokenizer = Tokenizer.open(model.tokenizer)
    vocabulary = Vocabulary(
        tokenizer, size=architecture.vocab, stop_ids=frozenset(manifest.stop_ids)
    )
    progress("Loading the weights", 0.1)
    session = open_session(model, config.threads)
    shape = session.kv_shape
    budget = config.kv_budget_tokens
    if budget is None:
        budget = kv_budget_tokens(shape, config.kv_slots, free_bytes())
    cache = PrefixCache(shape, max_slots=config.kv_slots, budget_tokens=budget)
    context = min(shape.context, budget)
    prompts = PromptBuilder(
        tokenizer,
        manifest.fim,
        budget=context - min(_RESERVE, context // 4),
        start_id=next(iter(manifest.stop_ids), 0),
        tasks=manifest.task_tokens,
        chat=manifest.chat,
        begin_id=manifest.begin_id,
    )
    progress("Warming up", 0.8)
    _warm_up(session, shape)
    generator = Generator(
        session=session,
        tokenizer=tokenizer,
        vocabulary=vocabulary,
        prompts=prompts,
        cache=cache,
        healer=Healer(tokenizer, size=architecture.vocab),
        context=context,
        pacer=ChunkPacer(config.prefill_chunk_tokens),
        drafts=DraftCosts(),
        search_s=config.search_ms / 1e3,
        stop_id=next(iter(manifest.stop_ids), None),
    )
    info = describe(
        model,
        provider=PROVIDER,
        kernel=kernel,
        library=library,
        context=context,
        prompt_tokens=prompts.budget,
    )
    progress("Ready", 1.0)
    return generator, info


def open_session(model: ModelDir, threads: int) -> Session:
    """Load the graph of a checked model directory.

    Raises:
        OperatorLibraryError: our operators are missing or refused.
        ModelDirectoryError: there is no graph for the CPU, or ONNX Runtime refuses it.
    """
    if _GRAPH not in model.graphs:
        raise ModelDirectoryError(
            f"{model.path}: expected a graph for {_GRAPH!r}, found {sorted(model.graphs)}; export"
            " the model with `--providers cpu`"
        )
    architecture = model.manifest.architecture
    shape = KvShape(
        layers=architecture.layers,
        kv_heads=architecture.kv_heads,
        head_dim=architecture.head_dim,
        context=architecture.context,
    )
    return Session(
        model.graphs[_GRAPH],
        library=library_path(),
        kv_shape=shape,
        vocab=architecture.vocab,
        threads=threads,
    )


def _warm_up(session: Session, shape: KvShape) -> None:
    """Run a few tokens, so that the first completion pays no page faults and lazy set-up."""
    kv = KvCache(shape)
    prompt_tokens = min(_WARM_UP_TOKENS, shape.context - 1)
    kv.reserve(prompt_tokens + 1, shape.context)
    session.run(kv, [0] * prompt_tokens, 1.0)
    session.run(kv, [0], 1.0)
