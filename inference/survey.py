"""Find out what decides where a model runs: its graphs, the GPU, our operators, ONNX Runtime."""

from typing import Final

from inference.errors import MixlineError
from inference.gpu import Gpu, NoGpu, find_gpu
from inference.kv_cache import KvShape
from inference.model_dir import ModelDir
from inference.onnx_file import read_onnx
from inference.ops.cuda_library import find_cuda_library
from inference.placement import ON_CPU, AskedProvider, CudaSizes, Findings, Placement, place
from inference.session import cuda_problem

_CUDA: Final = "cuda"


def choose_placement(model: ModelDir, asked: AskedProvider, slots: int) -> Placement:
    """Decide where a checked model directory runs; asks no further than it has to.

    Raises:
        ProviderError: CUDA is asked for, but cannot be.
    """
    if asked == "cpu":
        return ON_CPU
    sizes = cuda_sizes(model)
    gpu: Gpu | NoGpu = NoGpu(reason="not looked for") if sizes is None else find_gpu()
    library, runtime = "", ""
    architectures: tuple[str, ...] = ()
    if isinstance(gpu, Gpu):
        library, architectures = _cuda_operators()
        runtime = "" if library else cuda_problem()
    return place(
        asked,
        Findings(
            gpu=gpu,
            sizes=sizes,
            library=library,
            architectures=architectures,
            runtime=runtime,
            slots=slots,
        ),
    )


def cuda_sizes(model: ModelDir) -> CudaSizes | None:
    """Add up what the graph for CUDA asks of a GPU's memory; None: there is none."""
    if _CUDA not in model.graphs:
        return None
    graph = read_onnx(model.graphs[_CUDA])
    uploaded = {
        name for node in graph.nodes if node.op_type == "ExpertFFN" for name in node.inputs[3:5]
    }
    sizes = {name: tensor.num_bytes for name, tensor in graph.initializers.items()}
    experts = sum(size for name, size in sizes.items() if name in uploaded)
    return CudaSizes(
        experts=experts,
        dense=sum(sizes.values()) - experts,
        kv_token=kv_shape(model, _CUDA).bytes_per_token,
        context=model.manifest.architecture.context,
    )


def kv_shape(model: ModelDir, provider: str) -> KvShape:
    """Return the shape of the caches of the graph for a provider, int8 ones as f32."""
    architecture = model.manifest.architecture
    return KvShape(
        layers=architecture.layers,
        kv_heads=architecture.kv_heads,
        head_dim=architecture.head_dim,
        context=architecture.context,
        kv_format="f16" if provider == _CUDA else "f32",
    )


def _cuda_operators() -> tuple[str, tuple[str, ...]]:
    """Return why our CUDA operators cannot be used, "" if they can, and what they are built for."""
    try:
        found = find_cuda_library()
    except MixlineError as error:
        return str(error), ()
    if found is None:
        problem = (
            "expected the library of CUDA operators, found none; build it with"
            " `pip install . -C cmake.define.MIXLINE_CUDA=ON`, see docs/cuda.md"
        )
        return problem, ()
    return "", found.architectures
