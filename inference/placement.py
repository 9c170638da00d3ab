"""Where a model runs: on the CPU or on the GPU, and which of its experts stay in GPU memory.

`place` is a pure function of what was found; `loading` finds it. Only NVIDIA GPUs count, only the
first of them, and only for a model that has a graph for it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from inference.errors import ProviderError
from inference.gpu import Gpu, NoGpu

Provider: TypeAlias = Literal["cpu", "cuda"]
AskedProvider: TypeAlias = Literal["auto", "cpu", "cuda"]

# Estimates until a GPU has measured them. RESERVE: CUDA's context, cuBLAS, a step's scratch memory,
# of which ONNX Runtime takes up to 0.5 GB to multiply several positions by a rounded head.
# UPLOAD: experts are reordered while they are uploaded. LEAST_SHARE: below it a token waits longer
# for experts to cross the bus (25 GB/s) than a CPU takes to compute with them (60 GB/s).
RESERVE_BYTES: Final = 3 * 2**29
UPLOAD: Final = 1.1
LEAST_SHARE: Final = 0.6
LEAST_TOKENS: Final = 4096  # of keys and values that must find room, if the context has so many
KV_SHARE: Final = 0.5  # of what is left then: scratch memory grows with prompts
GB: Final = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class CudaSizes:
    """What a model's graph for CUDA asks of a GPU's memory."""

    experts: int  # bytes of routed and other experts, which our operators upload
    dense: int  # bytes of everything else
    kv_token: int  # bytes of keys and values for one token
    context: int  # tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What decides; a text says why something cannot be used and what to do, "" that it can."""

    gpu: Gpu | NoGpu
    sizes: CudaSizes | None  # None: the model has no graph for CUDA
    library: str  # of our CUDA operators
    architectures: tuple[str, ...]  # that it has machine code for, oldest first
    runtime: str  # ONNX Runtime's CUDA provider
    slots: int  # prompts that stay in memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The decision."""

    provider: Provider
    reason: str  # one line for people
    gpu: Gpu | None = None  # on which it runs
    resident_bytes: int = 0  # of experts that stay in GPU memory; 0: all of them
    kv_budget_tokens: int | None = None  # None: decided by the main memory
    warning: str = ""  # the same line, where somebody could have expected a GPU


ON_CPU: Final = Placement(provider="cpu", reason="the CPU is asked for")


def place(asked: AskedProvider, found: Findings) -> Placement:
    """Decide.

    Raises:
        ProviderError: CUDA is asked for, but cannot be.
    """
    if asked == "cpu":
        return ON_CPU
    problem = next(_problems(found), None)
    if problem is None:
        return _on_gpu(found)
    if asked == "cuda":
        raise ProviderError(f"cannot run on CUDA: {problem}")
    return on_cpu(problem, expected=found.sizes is not None and isinstance(found.gpu, Gpu))


def on_cpu(problem: str, *, expected: bool) -> Placement:
    """Fall back; with a warning where the model has a graph for the GPU that is there."""
    warning = f"runs on the CPU, not on the GPU: {problem}" if expected else ""
    return Placement(provider="cpu", reason=problem, warning=warning)


def _problems(found: Findings) -> Iterator[str]:
    """Yield what is in the way, the first thing to do first."""
    gpu, sizes = found.gpu, found.sizes
    if sizes is None:
        yield "the model has no graph for CUDA; `mixline export --providers cpu,cuda` writes one"
        return
    if isinstance(gpu, NoGpu):
        yield gpu.reason
        return
    if found.library:
        yield found.library
    if not _runs(gpu.capability, found.architectures):
        built = ", ".join(found.architectures)
        yield (
            f"expected a GPU of the kind that the CUDA operators are built for ({built}), found"
            f" {gpu.name} (sm_{gpu.capability[0]}{gpu.capability[1]}); build them for it, see"
            " docs/cuda.md"
        )
    if found.runtime:
        yield found.runtime
    room, least = _room(gpu, sizes), _least_bytes(sizes)
    if room < least:
        yield (
            f"expected {(gpu.free_bytes - room + least) / GB:.1f} GB of free memory on {gpu.name},"
            f" found {gpu.free_bytes / GB:.1f} GB; close what else uses it, or choose a smaller"
            " model"
        )


def _on_gpu(found: Findings) -> Placement:
    gpu, sizes = found.gpu, found.sizes
    if isinstance(gpu, NoGpu) or sizes is None:
        raise AssertionError("decided otherwise")
    experts = int(sizes.experts * UPLOAD)
    left = _room(gpu, sizes) - _least_kv(sizes)
    if experts <= left:
        tokens = _least_tokens(sizes) + int((left - experts) * KV_SHARE) // sizes.kv_token
        return Placement(
            provider="cuda",
            reason=f"all experts in the memory of {gpu.name}, {gpu.free_bytes / GB:.1f} GB free",
            gpu=gpu,
            kv_budget_tokens=min(tokens, found.slots * sizes.context),
        )
    resident = int(left / UPLOAD)
    return Placement(
        provider="cuda",
        reason=(
            f"{resident / sizes.experts:.0%} of the experts in the memory of {gpu.name},"
            f" {gpu.free_bytes / GB:.1f} GB free; the others come from main memory"
        ),
        gpu=gpu,
        resident_bytes=resident,
        kv_budget_tokens=_least_tokens(sizes),
    )


def _room(gpu: Gpu, sizes: CudaSizes) -> int:
    """Return the bytes for experts, keys and values."""
    return gpu.free_bytes - RESERVE_BYTES - sizes.dense


def _least_tokens(sizes: CudaSizes) -> int:
    return min(sizes.context, LEAST_TOKENS)


def _least_kv(sizes: CudaSizes) -> int:
    return _least_tokens(sizes) * sizes.kv_token


def _least_bytes(sizes: CudaSizes) -> int:
    return _least_kv(sizes) + int(sizes.experts * LEAST_SHARE * UPLOAD)


def _runs(capability: tuple[int, int], architectures: tuple[str, ...]) -> bool:
    """Say whether there is code for a GPU: machine code of its generation, or a newer one's PTX.

    Machine code runs on later GPUs of the same major number; of the last architecture the library
    has PTX as well, which the driver translates for whatever is newer.
    """
    numbers = [_numbers(name) for name in architectures]
    same = any(major == capability[0] and minor <= capability[1] for major, minor in numbers)
    return same or (bool(numbers) and capability >= numbers[-1])


def _numbers(architecture: str) -> tuple[int, int]:
    """Return (9, 0) of `sm_90`, (12, 0) of `sm_120`."""
    digits = int(architecture.removeprefix("sm_"))
    return digits // 10, digits % 10
