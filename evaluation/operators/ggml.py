"""ggml, llama.cpp's tensor library, as llama-cpp-python installs it: what a layer's graph needs.

Functions and structures are those of ggml 0.25 (`ggml.h`, `ggml-cpu.h`, `ggml-backend.h`,
`ggml-alloc.h`); another version is refused, as nothing would notice a changed signature.
"""

import ctypes
import importlib.util
from ctypes import c_bool, c_char_p, c_float, c_int, c_int64, c_size_t, c_uint32, c_void_p
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from inference.errors import MixlineError

VERSION: Final = "0.25."
F32, Q4_0, Q8_0, I32 = 0, 2, 8, 26  # ggml_type
_MAX_THREADS: Final = 512  # GGML_MAX_N_THREADS
_GRAPH_NODES: Final = 2048  # more than a layer with 512 experts for each token has
_CONTEXT_TENSORS: Final = 4096
_REPACKED: Final = b"CPU_REPACK"  # weights in the kernels' own order, llama.cpp's choice

_LOG: Final = ctypes.CFUNCTYPE(None, c_int, c_char_p, c_void_p)
_SIGNATURES: Final[dict[str, tuple[Any, tuple[Any, ...]]]] = {
    "ggml_log_set": (None, (_LOG, c_void_p)),
    "ggml_add": (c_void_p, (c_void_p,) * 3),
    "ggml_add_id": (c_void_p, (c_void_p,) * 4),
    "ggml_mul": (c_void_p, (c_void_p,) * 3),
    "ggml_mul_mat_id": (c_void_p, (c_void_p,) * 4),
    "ggml_swiglu_oai": (c_void_p, (c_void_p, c_void_p, c_void_p, c_float, c_float)),
    "ggml_swiglu_split": (c_void_p, (c_void_p,) * 3),
    "ggml_new_tensor_2d": (c_void_p, (c_void_p, c_int, c_int64, c_int64)),
    "ggml_new_tensor_3d": (c_void_p, (c_void_p, c_int, c_int64, c_int64, c_int64)),
    "ggml_view_2d": (c_void_p, (c_void_p, c_void_p, c_int64, c_int64, c_size_t, c_size_t)),
    "ggml_set_input": (None, (c_void_p,)),
    "ggml_set_output": (None, (c_void_p,)),
    "ggml_tensor_overhead": (c_size_t, ()),
    "ggml_graph_overhead_custom": (c_size_t, (c_size_t, c_bool)),
    "ggml_new_graph_custom": (c_void_p, (c_void_p, c_size_t, c_bool)),
    "ggml_build_forward_expand": (None, (c_void_p, c_void_p)),
    "ggml_free": (None, (c_void_p,)),
    "ggml_version": (c_char_p, ()),
    "ggml_threadpool_params_init": (None, (c_void_p, c_int)),
    "ggml_threadpool_new": (c_void_p, (c_void_p,)),
    "ggml_threadpool_free": (None, (c_void_p,)),
    "ggml_backend_cpu_init": (c_void_p, ()),
    "ggml_backend_cpu_set_n_threads": (None, (c_void_p, c_int)),
    "ggml_backend_cpu_set_threadpool": (None, (c_void_p, c_void_p)),
    "ggml_backend_cpu_buffer_type": (c_void_p, ()),
    "ggml_backend_cpu_reg": (c_void_p, ()),
    "ggml_backend_reg_dev_get": (c_void_p, (c_void_p, c_size_t)),
    "ggml_backend_reg_get_proc_address": (c_void_p, (c_void_p, c_char_p)),
    "ggml_backend_buft_name": (c_char_p, (c_void_p,)),
    "ggml_backend_alloc_ctx_tensors_from_buft": (c_void_p, (c_void_p, c_void_p)),
    "ggml_backend_buffer_free": (None, (c_void_p,)),
    "ggml_backend_tensor_set": (None, (c_void_p, c_void_p, c_size_t, c_size_t)),
    "ggml_backend_tensor_get": (None, (c_void_p, c_void_p, c_size_t, c_size_t)),
    "ggml_backend_graph_compute": (c_int, (c_void_p, c_void_p)),
    "ggml_backend_free": (None, (c_void_p,)),
    "ggml_gallocr_new": (c_void_p, (c_void_p,)),
    "ggml_gallocr_alloc_graph": (c_bool, (c_void_p, c_void_p)),
    "ggml_gallocr_free": (None, (c_void_p,)),
}


class _InitParams(ctypes.Structure):
    _fields_ = (("mem_size", c_size_t), ("mem_buffer", c_void_p), ("no_alloc", c_bool))


class _ThreadpoolParams(ctypes.Structure):
    _fields_ = (
        ("cpumask", c_bool * _MAX_THREADS),
        ("n_threads", c_int),
        ("prio", c_int),
        ("poll", c_uint32),
        ("strict_cpu", c_bool),
        ("paused", c_bool),
    )


class Ggml:
    """The library with its CPU backend: threads that sleep between graphs.

    Tensors, graphs, contexts and buffers are addresses, valid until `close` or `free`.
    """

    @classmethod
    def installed(cls, threads: int) -> Self | None:
        """Return the library of the installed llama-cpp-python; None: there is none.

        Raises:
            MixlineError: it is there, but not as this file knows it.
        """
        found = importlib.util.find_spec("llama_cpp")
        folders = [] if found is None else [*(found.submodule_search_locations or ())]
        for folder in folders:
            if (Path(folder) / "lib" / "libggml-cpu.so").is_file():
                return cls(Path(folder) / "lib", threads)
        return None

    def __init__(self, folder: Path, threads: int) -> None:
        """Load the library in ``folder`` and start its threads.

        Raises:
            MixlineError: it cannot be loaded, or is of another version.
        """
        try:
            libraries = [
                ctypes.CDLL(str(folder / name), mode=ctypes.RTLD_GLOBAL)
                for name in ("libggml-base.so", "libggml-cpu.so")
            ]
        except OSError as error:
            raise MixlineError(f"llama.cpp: expected ggml in {folder}, got: {error}") from error
        self._functions: dict[str, Any] = {}
        for name, (result, arguments) in _SIGNATURES.items():
            self._functions[name] = _function(libraries, name, result, arguments)
        self.version = self.call("version").decode()
        if not self.version.startswith(VERSION):
            raise MixlineError(f"llama.cpp: expected ggml {VERSION}x, found {self.version}")
        self._silent = _LOG(lambda *_: None)  # it prints a line for every tensor that it repacks
        self.call("log_set", self._silent, None)
        self._init = _function(libraries, "ggml_init", c_void_p, (_InitParams,))
        self._backend = self.call("backend_cpu_init")
        parameters = _ThreadpoolParams()
        self.call("threadpool_params_init", ctypes.byref(parameters), threads)
        parameters.poll = 0  # sleep between graphs, as ONNX Runtime's threads do here
        self._pool = self.call("threadpool_new", ctypes.byref(parameters))
        self.call("backend_cpu_set_n_threads", self._backend, threads)
        self.call("backend_cpu_set_threadpool", self._backend, self._pool)
        self.plain = self.call("backend_cpu_buffer_type")
        self.repacked = self._repacked()

    def close(self) -> None:
        """End the threads."""
        self.call("backend_free", self._backend)
        self.call("threadpool_free", self._pool)

    def describe(self) -> str:
        """Return the version, and whether weights are repacked."""
        return f"{self.version}, weights {'as stored' if self.repacked is None else 'repacked'}"

    def call(self, name: str, *arguments: Any) -> Any:  # noqa: ANN401 - as untyped as C
        """Call the function ``ggml_<name>``."""
        return self._functions[f"ggml_{name}"](*arguments)

    def context(self) -> int:
        """Return a new context, for descriptions of tensors and one graph, but no values."""
        size = _CONTEXT_TENSORS * self.call("tensor_overhead")
        size += self.call("graph_overhead_custom", _GRAPH_NODES, False)
        return int(self._init(_InitParams(mem_size=size, mem_buffer=None, no_alloc=True)))

    def new_graph(self, context: int, result: int) -> int:
        """Return a graph of all that ``result`` needs."""
        graph = self.call("new_graph_custom", context, _GRAPH_NODES, False)
        self.call("build_forward_expand", graph, result)
        return int(graph)

    def compute(self, graph: int) -> None:
        """Run a graph.

        Raises:
            MixlineError: it failed.
        """
        if status := self.call("backend_graph_compute", self._backend, graph):
            raise MixlineError(f"llama.cpp: the graph failed with status {status}")

    def write(self, tensor: int, values: npt.NDArray[Any]) -> None:
        """Set a tensor's values, all of them."""
        values = np.ascontiguousarray(values)
        self.call("backend_tensor_set", tensor, values.ctypes.data, 0, values.nbytes)

    def read(self, tensor: int, values: npt.NDArray[Any]) -> None:
        """Copy a tensor's values, all of them, into a contiguous array."""
        self.call("backend_tensor_get", tensor, values.ctypes.data, 0, values.nbytes)

    def _repacked(self) -> int | None:
        """Return the kind of memory in which Q4_0 weights are repacked; None: not in this build."""
        registry = self.call("backend_cpu_reg")
        address = self.call(
            "backend_reg_get_proc_address", registry, b"ggml_backend_dev_get_extra_bufts"
        )
        if not address:
            return None
        kinds = ctypes.CFUNCTYPE(ctypes.POINTER(c_void_p), c_void_p)(address)(
            self.call("backend_reg_dev_get", registry, 0)
        )
        for kind in kinds or ():
            if kind is None:
                break
            if self.call("backend_buft_name", kind) == _REPACKED:
                return int(kind)
        return None


def _function(
    libraries: list[ctypes.CDLL],
    name: str,
    result: Any,  # noqa: ANN401 - a ctypes type or None
    arguments: tuple[Any, ...],
) -> Any:  # noqa: ANN401 - ctypes has no public name for it
    for library in libraries:
        if (function := getattr(library, name, None)) is not None:
            function.restype, function.argtypes = result, arguments
            return function
    raise MixlineError(f"llama.cpp: expected the function {name} of ggml {VERSION}x, found none")
