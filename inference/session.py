"""The ONNX Runtime session over one model directory; the only door to onnxruntime.

Everything a step reads and writes is bound once by address: the token, the scalars, the logits and
the KV buffers (as past and as present, so the graph appends in place). A decode step then writes
three numbers and runs; nothing is allocated or copied in Python.
"""

import io
import os
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

# Official builds of ONNX Runtime (1.31 for Linux, as measured) collect telemetry unless this is set
# before they are imported: a thread, a database in the user's cache folder, uploads over HTTPS.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime as ort

from inference.binding import Binding
from inference.device import CPU, CPU_PROVIDER, CUDA_PROVIDER, Device
from inference.device_kv import DeviceKvCache
from inference.errors import (
    MixlineError,
    ModelDirectoryError,
    OperatorLibraryError,
    OutOfMemoryError,
)
from inference.kv_cache import Buffer, KvCache, KvFormat, KvShape

# L layers, H key/value heads, C capacity, D head dimension, N tokens of a step, V vocabulary

Floats: TypeAlias = npt.NDArray[np.float32]
_CUDA_OPTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "device_id": "0",
        # Routers compare logits: products in f32 are not rounded to TF32.
        "use_tf32": "0",
        # Growing by doubling would take memory that is meant for experts.
        "arena_extend_strategy": "kSameAsRequested",
    }
)
_RESIDENT_ENTRY: Final = "mixline.resident_bytes"  # read by our CUDA operators
_KV_FORMATS: Final[Mapping[str, KvFormat]] = MappingProxyType(
    {"tensor(float)": "f32", "tensor(float16)": "f16", "tensor(int8)": "int8"}
)
_SHOWN: Final = 400
_NO_MEMORY: Final = "bad_alloc"  # in ONNX Runtime's words
_LOG_FATAL: Final = 4  # ONNX Runtime's messages reach the user through our errors only


class Session:
    """Runs the graph; one thread at a time."""

    def __init__(
        self,
        graph: Path,
        *,
        library: Path,
        kv_shape: KvShape,
        vocab: int,
        threads: int,
        device: Device = CPU,
        take_faults: Callable[[], list[str]] | None = None,
    ) -> None:
        """Load the graph with the operator library.

        ``take_faults`` says what kernels on a GPU, which cannot raise errors, noted in a run.

        The format of its caches is the graph's to say: see `kv_shape` afterwards.

        Raises:
            OperatorLibraryError: ONNX Runtime cannot load the library.
            ModelDirectoryError: ONNX Runtime refuses the graph.
        """
        self.vocab = vocab
        self.device = device
        self._take_faults = take_faults
        try:
            self._session: Any = _open(str(graph), library, threads, device)
        except OperatorLibraryError:
            raise
        except Exception as error:
            if _NO_MEMORY in str(error):
                raise OutOfMemoryError(f"load {graph}") from error
            raise ModelDirectoryError(
                f"ONNX Runtime {ort.__version__} refuses {graph}: {_first_line(error)}; check the"
                " model directory with `mixline doctor` or export it again"
            ) from error
        types = {value.name: value.type for value in self._session.get_inputs()}
        kv_format = _KV_FORMATS.get(types.get("past_0_key", ""), kv_shape.kv_format)
        self.kv_shape = replace(kv_shape, kv_format=kv_format)
        self._bindings: weakref.WeakKeyDictionary[KvCache, Binding] = weakref.WeakKeyDictionary()

    def new_cache(self) -> KvCache:
        """Return an empty slot where the graph reads and writes it."""
        if not self.device.is_remote:
            return KvCache(self.kv_shape)
        return DeviceKvCache(
            self.kv_shape, lambda shape, dtype: _OrtBuffer(shape, dtype, self.device.memory)
        )

    def run(self, kv: KvCache, tokens: Sequence[int], effort: float) -> Floats:
        """Append tokens to a slot and return the logits ``[V]`` behind the last of them.

        The array is overwritten by the slot's next step.

        Args:
            kv: has room for the tokens; afterwards holds them.
            tokens: N >= 1 ids.
            effort: see `request.parse_effort`.

        Raises:
            MixlineError: the graph failed; the slot holds what it held.
        """
        binding = self._binding(kv)
        with self._explained():
            binding.run(self._session, tokens, len(kv.tokens), effort)
        kv.tokens.extend(tokens)
        return binding.logits

    def run_scored(self, kv: KvCache, tokens: Sequence[int], first: int, effort: float) -> Floats:
        """Append tokens to a slot and return the logits ``[N - first, V]`` behind the last ones.

        Args:
            kv: has room for the tokens; afterwards holds them.
            tokens: N >= 1 ids.
            first: index of the first token behind which logits are wanted; N: none are, and the
                head costs nothing.
            effort: see `request.parse_effort`.

        Raises:
            MixlineError: the graph failed; the slot holds what it held.
        """
        binding = self._binding(kv)
        # Not every kernel of CUDA's takes an empty tensor, so one position is the least there.
        asked = min(first, len(tokens) - 1) if self.device.is_remote else first
        positions = np.arange(asked, len(tokens), dtype=np.int64)
        logits = np.empty((len(positions), self.vocab), dtype=np.float32)
        with self._explained(), binding.wider(positions, logits):
            binding.run(self._session, tokens, len(kv.tokens), effort)
        kv.tokens.extend(tokens)
        return logits[first - asked :]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Let a run's failure be ours, what a GPU's kernels noted included."""
        try:
            yield
        except Exception as error:
            raise MixlineError(f"the model's graph failed: {_first_line(error)}") from error
        if self._take_faults is not None and (faults := self._take_faults()):
            raise MixlineError(f"the model's graph failed: {faults[0]}")

    def _binding(self, kv: KvCache) -> "Binding":
        """Return the slot's binding, made anew where its buffers have been replaced."""
        binding = self._bindings.get(kv)
        if binding is None or binding.growths != kv.growths:
            binding = Binding(self._session, kv, self.vocab, self.device)
            self._bindings[kv] = binding
        return binding


class _OrtBuffer:
    """An array that ONNX Runtime allocates in a device's memory."""

    def __init__(self, shape: tuple[int, ...], dtype: "np.dtype[np.generic]", memory: str) -> None:
        try:
            self._value: Any = ort.OrtValue.ortvalue_from_shape_and_type(shape, dtype, memory, 0)
        except Exception as error:
            raise OutOfMemoryError("hold keys and values on the GPU") from error

    @property
    def address(self) -> int:
        return int(self._value.data_ptr())

    def read(self) -> Buffer:
        return np.asarray(self._value.numpy())

    def write(self, values: Buffer) -> None:
        self._value.update_inplace(values)


class BoundGraph:
    """Any graph with the project's operators, bound to arrays of the caller; benchmarks use it."""

    def __init__(self, graph: Path, *, library: Path, threads: int) -> None:
        """Open a session, with the options of `Session`.

        Raises:
            OperatorLibraryError: ONNX Runtime cannot load the library.
            MixlineError: ONNX Runtime refuses the graph.
        """
        self._graph = graph
        with self._explained("refuses"):
            self._session: Any = _open(str(graph), library, threads, CPU)
        self._io: Any = self._session.io_binding()
        self._bound: tuple[npt.NDArray[Any], ...] = ()

    def bind(
        self, inputs: Mapping[str, npt.NDArray[Any]], outputs: Mapping[str, npt.NDArray[Any]]
    ) -> None:
        """Use these arrays, by name and in place, from the next run on."""
        self._io.clear_binding_inputs()
        self._io.clear_binding_outputs()
        for name, array in inputs.items():
            self._io.bind_input(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
        for name, array in outputs.items():
            self._io.bind_output(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
        self._bound = (*inputs.values(), *outputs.values())  # alive while they are bound

    def run(self) -> None:
        """Run once over what is bound.

        Raises:
            MixlineError: the graph failed.
        """
        with self._explained("cannot run"):
            self._session.run_with_iobinding(self._io)

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except OperatorLibraryError:
            raise
        except Exception as error:
            raise MixlineError(
                f"ONNX Runtime {ort.__version__} {what} {self._graph}: {_first_line(error)}"
            ) from error


def onnxruntime_version() -> str:
    """Return the version of ONNX Runtime that runs the graphs."""
    return str(ort.__version__)


def cuda_problem() -> str:
    """Return why ONNX Runtime cannot use CUDA, and what to do; "" if it can.

    Loads CUDA's libraries from NVIDIA's Python packages where they are, else from the system.
    """
    if CUDA_PROVIDER not in ort.get_available_providers():
        return (
            f"expected ONNX Runtime with {CUDA_PROVIDER}, found {ort.__version__} without;"
            " pip install onnxruntime-gpu"
        )
    said = io.StringIO()
    with redirect_stdout(said):  # it prints what it does not find, and stdout may be a protocol's
        ort.preload_dlls()
    failures = [line for line in said.getvalue().splitlines() if line.startswith("Failed to load")]
    if not failures:
        return ""
    return (
        f"expected the CUDA libraries of ONNX Runtime {ort.__version__}, found that it"
        f" {failures[0][:_SHOWN].removesuffix('.').replace('Failed', 'failed', 1)};"
        " pip install 'onnxruntime-gpu[cuda,cudnn]'"
    )


def _open(graph: str, library: Path, threads: int, device: Device) -> Any:  # noqa: ANN401 - untyped
    """Open a session with the operator library; ONNX Runtime's errors pass, but the library's."""
    ort.set_default_logger_severity(_LOG_FATAL)
    options = ort.SessionOptions()
    options.log_severity_level = _LOG_FATAL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    # Spinning threads would take the cores from the editor between two tokens.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    try:
        options.register_custom_ops_library(str(library))
    except Exception as error:  # ONNX Runtime's errors derive from Exception alone
        raise OperatorLibraryError(
            f"ONNX Runtime {ort.__version__} cannot load the operator library {library}:"
            f" {_first_line(error)}; reinstall mixline"
        ) from error
    if device.is_remote:
        options.add_session_config_entry(_RESIDENT_ENTRY, str(device.resident_bytes))
    if device.provider != CUDA_PROVIDER:
        return ort.InferenceSession(graph, options, providers=[CPU_PROVIDER])
    # Without `enable_fallback=0` it prints a failure to stdout, and tries again on the CPU.
    return ort.InferenceSession(
        graph,
        options,
        providers=[(CUDA_PROVIDER, dict(_CUDA_OPTIONS)), CPU_PROVIDER],
        enable_fallback=0,
    )


def _first_line(error: Exception) -> str:
    """Return what ONNX Runtime says, in one line; it quotes names and values of the graph."""
    return str(error).strip().split("\n", maxsplit=1)[0][:_SHOWN]
