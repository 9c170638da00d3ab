"""Runs the typist with each assistant, one after the other, over the same passages."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from evaluation.intervals import rounded
from evaluation.keystrokes.assistant import Assistant
from evaluation.keystrokes.client import EditorClient
from evaluation.keystrokes.clock import Clock
from evaluation.keystrokes.llama_vim import LlamaVim
from evaluation.keystrokes.passages import Size, Task, choose_tasks
from evaluation.keystrokes.process import cpu_seconds, peak_mb
from evaluation.keystrokes.record import Record
from evaluation.keystrokes.replay import Replay
from evaluation.keystrokes.report import KeystrokesReport, SideReport, side_report
from evaluation.machine import describe_machine
from evaluation.progress import Progress
from evaluation.repositories import read_repositories
from inference import default_model
from inference.model_dir import ModelDir
from inference.tokenizer import Tokenizer

_SETTLE_S: Final = 6.0  # what was begun while typing may live on for some seconds
_IDLE_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeystrokesOptions:
    """What is typed, and how."""

    data: Path | None = None  # a folder of repositories; None for this project's own packages
    model: Path | None = None  # None for the default
    passages: int = 6
    large: int = 1  # passages in a file of 5,000 lines, and as many in one of 1 MB
    seed: int = 0  # of the choice of passages and of the typist
    peer: bool = True  # llama.cpp with llama.vim's algorithm too, where it is installed
    skip_idle: bool = False  # leave out pauses in which the assistant has nothing to do
    idle_s: float = _IDLE_S  # how long nobody types at the end


def bench_keystrokes(options: KeystrokesOptions) -> KeystrokesReport:
    """Type passages of the repositories of a folder.

    Raises:
        MixlineError: no data, no model, or the server did not come up.
    """
    repositories = read_repositories(options.data)
    tasks = choose_tasks(repositories, options.passages, options.seed, options.large)
    root = Path(__file__).parents[2] if options.data is None else options.data.resolve()
    directory = options.model or default_model()
    clock = Clock(skip_idle=options.skip_idle)
    sides = [asyncio.run(_ours(tasks, root, directory, clock, options))]
    if options.peer and not missing_for_peer():
        sides.append(asyncio.run(_peer(tasks, root, directory, clock, options)))
    return KeystrokesReport(
        machine=describe_machine(),
        passages=options.passages,
        seed=options.seed,
        skipped_idle_s=rounded(clock.skipped_s) if options.skip_idle else None,
        sides=tuple(sides),
    )


async def _ours(
    tasks: Sequence[Task], root: Path, model: Path, clock: Clock, options: KeystrokesOptions
) -> SideReport:
    replays: list[Replay] = []

    def ready(version: int, line: int, character: int) -> None:
        for replay in replays:
            replay.late_result(version, line, character)

    async with EditorClient(model, root, ready) as client:
        replays.append(Replay(client, options.seed, clock))
        return await _measure(client, replays[0], tasks, root, model, options)


def missing_for_peer() -> tuple[str, ...]:
    """Return the packages that the peer needs and that are not installed."""
    return tuple(
        name for name in ("llama_cpp", "gguf", "onnx", "safetensors") if find_spec(name) is None
    )


async def _peer(
    tasks: Sequence[Task], root: Path, model: Path, clock: Clock, options: KeystrokesOptions
) -> SideReport:
    with TemporaryDirectory() as folder:
        from training.export_gguf import export_gguf  # noqa: PLC0415 - needs optional packages

        gguf = Path(folder) / "model.gguf"
        export_gguf(model, gguf, weights="q4_0")
        async with LlamaVim(gguf, model, root) as peer:
            replay = Replay(peer, options.seed, clock)
            return await _measure(peer, replay, tasks, root, model, options)


async def _measure(
    assistant: Assistant,
    replay: Replay,
    tasks: Sequence[Task],
    root: Path,
    model: Path,
    options: KeystrokesOptions,
) -> SideReport:
    records = {size: Record() for size in Size if any(task.size is size for task in tasks)}
    with Progress(assistant.name, len(tasks)) as progress:
        for task in tasks:
            await replay.type(task, root, records[task.size])
            progress.advance()
    idle_share = 0.0
    if options.idle_s:
        await asyncio.sleep(_SETTLE_S)
        before = cpu_seconds(assistant.pid)
        await asyncio.sleep(options.idle_s)
        idle_share = (cpu_seconds(assistant.pid) - before) / options.idle_s
    tokenizer = Tokenizer.open(ModelDir.open(model).tokenizer)
    return side_report(
        assistant.name,
        records,
        count_tokens=lambda text: len(tokenizer.encode(text)),
        idle_cpu_share=rounded(idle_share),
        peak_memory_mb=peak_mb(assistant.pid),
    )
