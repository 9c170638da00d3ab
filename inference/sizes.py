"""What a model takes: parameters, bytes on the disk, bytes read for a token, bytes of its cache."""

from dataclasses import dataclass

from inference.manifest import Quantization
from inference.model_dir import ModelDir
from inference.onnx_file import OnnxGraph, read_onnx

# Of tables that nothing else reads, these read a row: the embedding, cosines and sines.
_ROW_OPERATORS = frozenset({"Gather", "CachedAttention", "GroupQueryAttention"})
_EXPERT_OPERATOR = "ExpertFFN"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSizes:
    """Sizes of a model directory, or of the one that an export would write."""

    weights: str
    """Format of the experts; behind a stroke that of the other matrices, where it is another."""
    kv_format: str
    """Of the key/value cache."""
    weight_bytes: int
    bytes_per_token: int
    """Of the weights that are read for one token: all but idle experts, one row of tables."""
    kv_bytes_per_position: int
    """Of the cache, which holds every position in every layer."""
    context: int
    """Tokens."""
    windows: tuple[int, ...] = (0,)
    """For each layer, or for all alike, how many positions a token reads at most; 0: all."""

    def kv_bytes(self, tokens: int) -> int:
        """Return the bytes of a cache of so many tokens, of the context at most."""
        return self.kv_bytes_per_position * min(tokens, self.context)

    def kv_read_bytes(self, tokens: int) -> int:
        """Return the bytes of such a cache that the next token reads."""
        per_layer = self.kv_bytes_per_position // len(self.windows)
        tokens = min(tokens, self.context)
        return sum(per_layer * min(tokens, window or tokens) for window in self.windows)


def model_sizes(model: ModelDir) -> ModelSizes:
    """Add up the initialisers of a model's graph."""
    architecture = model.manifest.architecture
    graph = read_onnx(model.graphs["cpu"])
    return ModelSizes(
        weights=weights_name(model.manifest.quantization),
        kv_format="int8" if _is_int8(graph) else "f32",
        weight_bytes=sum(tensor.num_bytes for tensor in graph.initializers.values()),
        bytes_per_token=_bytes_per_token(graph, architecture.experts_per_token),
        kv_bytes_per_position=sum(_past_bytes(graph)),
        context=architecture.context,
        windows=_windows(graph),
    )


def weights_name(quantization: Quantization) -> str:
    """Return `int4`, or `mxfp4/int4` where the experts have another format than the rest."""
    experts, dense = quantization.experts, quantization.dense
    return experts if experts == dense else f"{experts}/{dense}"


def _bytes_per_token(graph: OnnxGraph, experts_per_token: int) -> int:
    readers: dict[str, set[str]] = {name: set() for name in graph.initializers}
    for node in graph.nodes:
        for name in node.inputs:
            if name in readers:
                readers[name].add(node.op_type)
    read = 0.0
    for name, tensor in graph.initializers.items():
        if readers[name] == {_EXPERT_OPERATOR}:
            read += tensor.num_bytes * min(1.0, experts_per_token / max(tensor.dims[0], 1))
        elif readers[name] <= _ROW_OPERATORS and tensor.dims:
            read += tensor.num_bytes / max(tensor.dims[0], 1)
        else:
            read += tensor.num_bytes
    return round(read)


def _windows(graph: OnnxGraph) -> tuple[int, ...]:
    found = [node for node in graph.nodes if node.op_type == "CachedAttention"]
    windows = [node.attributes.get("window", 0) for node in found]
    return tuple(window for window in windows if isinstance(window, int)) or (0,)


def _is_int8(graph: OnnxGraph) -> bool:
    return any(value.element_type == "int8" for value in graph.inputs)


def _past_bytes(graph: OnnxGraph) -> list[int]:
    """Return the bytes that one position takes in each buffer ``[1, G, capacity, width]``."""
    item_bytes = {"int8": 1, "float32": 4}
    sizes = []
    for value in graph.inputs:
        match value.shape:
            case (1, int(heads), str(), int(width)) if value.name.startswith("past_"):
                sizes.append(heads * width * item_bytes[value.element_type])
    return sizes
