"""From a model directory to everything a generation needs, checked and warmed up."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from inference.config import EngineConfig
from inference.device import CPU, cuda_device
from inference.drafting import DraftCosts
from inference.errors import (
    MixlineError,
    ModelDirectoryError,
    OutOfMemoryError,
    ProviderError,
)
from inference.generate import Generator
from inference.gpu import Gpu
from inference.healing import Healer
from inference.memory import address_space_left, free_bytes, kv_budget_tokens
from inference.model_dir import ModelDir
from inference.model_info import ModelInfo, describe
from inference.ops.cuda_library import fault_reader
from inference.ops.library import chosen_kernel, cuda_library_path, library_path
from inference.pacing import ChunkPacer
from inference.placement import ON_CPU, Placement, on_cpu
from inference.prefix_cache import PrefixCache
from inference.prompt import PromptBuilder
from inference.session import Session
from inference.survey import choose_placement, kv_shape
from inference.tokenizer import Tokenizer
from inference.vocabulary import Vocabulary

Progress: TypeAlias = Callable[[str, float], None]

_CPU: Final = "cpu"
_CUDA: Final = "cuda"
_log = logging.getLogger(__name__)
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
        OutOfMemoryError: it leaves less than `config.spare_bytes`.
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
    session, placement = _open_placed(model, config)
    if placement.warning:
        _log.warning("%s %s", manifest.name, placement.warning)
    shape = session.kv_shape
    budget = config.kv_budget_tokens
    if budget is None:
        budget = placement.kv_budget_tokens
    # Libraries that are refused memory may end the process, so nobody tries how far they get.
    spare = address_space_left() - config.spare_bytes
    if spare < 0:
        raise OutOfMemoryError(
            f"go on behind loading {path}: {config.spare_bytes >> 20} MB are needed,"
            f" {(spare + config.spare_bytes) >> 20} MB are left"
        )
    if budget is None:
        budget = kv_budget_tokens(shape, config.kv_slots, min(free_bytes(), spare))
    cache = PrefixCache(
        shape, max_slots=config.kv_slots, budget_tokens=budget, new_cache=session.new_cache
    )
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
        provider=session.device.provider,
        kernel=_gpu_kernel(placement.gpu) if placement.gpu else kernel,
        placement=placement.reason,
        library=library,
        context=context,
        prompt_tokens=prompts.budget,
    )
    progress("Ready", 1.0)
    return generator, info


def open_session(model: ModelDir, threads: int, placement: Placement = ON_CPU) -> Session:
    """Load the graph of a checked model directory.

    Raises:
        OperatorLibraryError: our operators are missing or refused.
        ModelDirectoryError: there is no graph for the provider, or ONNX Runtime refuses it.
    """
    provider = placement.provider
    if provider not in model.graphs:
        raise ModelDirectoryError(
            f"{model.path}: expected a graph for {provider!r}, found {sorted(model.graphs)}; export"
            f" the model with `--providers {'cpu' if provider == _CPU else 'cpu,cuda'}`"
        )
    library, device, faults = library_path(), CPU, None
    if provider == _CUDA:
        device = cuda_device(placement.resident_bytes)
        if (found := cuda_library_path()) is not None:
            library, faults = found, fault_reader(found)
    architecture = model.manifest.architecture
    return Session(
        model.graphs[provider],
        library=library,
        kv_shape=kv_shape(model, provider),
        vocab=architecture.vocab,
        threads=threads,
        device=device,
        take_faults=faults,
    )


def _open_placed(model: ModelDir, config: EngineConfig) -> tuple[Session, Placement]:
    """Open and warm up where the model fits; on the CPU if the GPU refuses after all."""
    placement = choose_placement(model, config.provider, config.kv_slots)
    if placement.provider == _CUDA:
        try:
            return _warm(open_session(model, config.threads, placement)), placement
        except MixlineError as error:
            if config.provider == _CUDA:
                raise ProviderError(f"cannot run on CUDA: {error}") from error
            placement = on_cpu(f"CUDA failed: {error}", expected=True)
    return _warm(open_session(model, config.threads)), placement


def _gpu_kernel(gpu: Gpu) -> str:
    return f"sm_{gpu.capability[0]}{gpu.capability[1]} ({gpu.name})"


def _warm(session: Session) -> Session:
    """Run a few tokens, so that the first completion pays no page faults and lazy set-up."""
    kv, context = session.new_cache(), session.kv_shape.context
    prompt_tokens = min(_WARM_UP_TOKENS, context - 1)
    kv.reserve(prompt_tokens + 1, context)
    session.run(kv, [0] * prompt_tokens, 1.0)
    session.run(kv, [0], 1.0)
    return session
