"""Refuse a graph that its manifest does not describe: operators, shapes, places of weights."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from inference.errors import ModelDirectoryError
from inference.kv_cache import KvFormat, KvShape
from inference.manifest import Architecture, Manifest, is_plain_name
from inference.onnx_file import AttributeValue, Dim, OnnxGraph, OnnxNode, OnnxTensor, OnnxValue
from inference.ops.layout import UNNAMED_LAYOUT, bytes_per_expert
from inference.ops.tiles import WeightFormat

# Every operator that the exporter writes. None has a subgraph or takes the size of its result from
# a tensor's values, as ConstantOfShape or Expand do: a small file cannot ask for endless memory.
STANDARD_OPS: Final = frozenset(
    {
        "Add",
        "Cast",
        "Clip",
        "Concat",
        "Gather",
        "Gemm",
        "Mul",
        "Reshape",
        "Shape",
        "Sigmoid",
        "SimplifiedLayerNormalization",
        "Slice",
        "Split",
        "Squeeze",
        "Sub",
    }
)
MICROSOFT_OPS: Final = frozenset(
    {"GroupQueryAttention", "MatMulNBits", "SkipSimplifiedLayerNormalization"}
)
MIXLINE_OPS: Final = frozenset({"CachedAttention", "ExpertRouter", "ExpertFFN"})
_SHOWN: Final = 400  # characters of a contradiction, which quotes names and values of the graph
CUDA: Final = "cuda"  # of the providers, the one whose graph computes in fp16
Expected: TypeAlias = tuple[str, tuple[Dim, ...]]  # element type, shape
_SCALES: Final = {CUDA: ("float16", "float32")}  # of MatMulNBits; float32 in other graphs
_ANGLES: Final = {CUDA: "float16"}  # cosines and sines of GroupQueryAttention
_SINKS: Final = 11  # input of GroupQueryAttention, used on CUDA; those between must be absent
OPERATORS: Final = {
    "": STANDARD_OPS,
    "ai.onnx": STANDARD_OPS,
    "com.microsoft": MICROSOFT_OPS,
    "mixline": MIXLINE_OPS,
}


def check_graph(
    graph: OnnxGraph,
    manifest: Manifest,
    file_bytes: Mapping[str, int],
    source: str,
    provider: str = "cpu",
) -> None:
    """Compare a graph with the manifest of its directory.

    Args:
        graph: the outline of the graph file.
        manifest: what it is compared with.
        file_bytes: size of every file of the directory.
        source: names the graph file in errors.
        provider: that the graph is for.

    Raises:
        ModelDirectoryError: the first contradiction.
    """
    problem = next(_problems(graph, manifest, file_bytes, provider), None)
    if problem is not None:
        raise ModelDirectoryError(f"{source}: {problem[:_SHOWN]}; export the model again")


def _problems(
    graph: OnnxGraph, manifest: Manifest, file_bytes: Mapping[str, int], provider: str
) -> Iterator[str]:
    for node in graph.nodes:
        if node.op_type not in OPERATORS.get(node.domain, frozenset()):
            yield f"expected operators of the exporter, found {_name(node)}"
    for tensor in graph.initializers.values():
        yield from _place_problems(tensor, file_bytes)
    architecture = manifest.architecture
    kv = _kv_shape(graph, architecture, provider)
    yield from _value_problems(graph, "input", graph.inputs, _inputs(kv))
    yield from _value_problems(graph, "output", graph.outputs, _outputs(kv, architecture.vocab))
    counts = Counter(node.op_type for node in graph.nodes)
    cached = counts["CachedAttention"] > 0 and provider != CUDA  # which has no such kernel
    attention = "CachedAttention" if cached else "GroupQueryAttention"
    routed = architecture.layers - architecture.dense_layers
    shared = routed if architecture.shared_hidden else 0
    for op_type, number in (
        ("ExpertRouter", routed),
        ("ExpertFFN", architecture.layers + shared),
        (attention, architecture.layers),
    ):
        if counts[op_type] != number:
            yield f"expected {number} operators {op_type}, found {counts[op_type]}"
    if counts["CachedAttention"] and counts["GroupQueryAttention"]:
        yield "expected one kind of attention, found CachedAttention and GroupQueryAttention"
    for node in graph.nodes:
        yield from _node_problems(graph, node, manifest, provider)


def _node_problems(
    graph: OnnxGraph, node: OnnxNode, manifest: Manifest, provider: str
) -> Iterator[str]:
    match node.op_type:
        case "ExpertRouter":
            k = manifest.architecture.experts_per_token
            yield from _attribute_problems(node, {"k": k})
        case "ExpertFFN":
            yield from _ffn_problems(graph, node, manifest)
        case "GroupQueryAttention":
            yield from _group_query_problems(graph, node, manifest.architecture, provider)
        case "CachedAttention":
            yield from _cached_problems(graph, node, manifest.architecture)
        case "MatMulNBits":
            yield from _matmul_problems(graph, node, provider)


def _place_problems(tensor: OnnxTensor, file_bytes: Mapping[str, int]) -> Iterator[str]:
    location = tensor.location
    if location is None:
        return
    if not is_plain_name(location) or location not in file_bytes:
        yield f"expected the data of {tensor.name!r} in a file of the directory, found {location!r}"
    elif tensor.offset + tensor.num_bytes > file_bytes[location]:
        yield (
            f"expected the data of {tensor.name!r} within the {file_bytes[location]} bytes of"
            f" {location}, found bytes {tensor.offset} to {tensor.offset + tensor.num_bytes}"
        )


def _kv_shape(graph: OnnxGraph, architecture: Architecture, provider: str) -> KvShape:
    """Return the buffers of a graph whose attention is of one format."""
    formats = {node.attributes.get("kv_format") for node in graph.nodes}
    kv_format: KvFormat = "int8" if "int8" in formats else "f32"
    return KvShape(
        layers=architecture.layers,
        kv_heads=architecture.kv_heads,
        head_dim=architecture.head_dim,
        context=architecture.context,
        kv_format="f16" if provider == CUDA else kv_format,
    )


def _inputs(kv: KvShape) -> dict[str, Expected]:
    values: dict[str, Expected] = {
        "input_ids": ("int64", (1, "n")),
        "past_len": ("int32", ()),
        "logit_positions": ("int64", ("m",)),
        "effort": ("float32", ()),
    }
    return values | _buffers(kv, "past")


def _outputs(kv: KvShape, vocab: int) -> dict[str, Expected]:
    return {"logits": ("float32", ("m", vocab)), **_buffers(kv, "present")}


def _buffers(kv: KvShape, when: str) -> dict[str, Expected]:
    return {
        f"{when}_{layer}_{tensor.name}": (
            tensor.dtype.name,
            (1, kv.kv_heads, "capacity", tensor.width),
        )
        for layer in range(kv.layers)
        for tensor in kv.tensors
    }


def _value_problems(
    graph: OnnxGraph,
    kind: str,
    found: tuple[OnnxValue, ...],
    expected: Mapping[str, Expected],
) -> Iterator[str]:
    names = [value.name for value in found]
    if len(set(names)) != len(names) or set(names) != set(expected):
        missing = sorted(set(expected) - set(names))
        surplus = sorted(set(names) - set(expected))
        yield f"expected other {kind}s: missing {missing[:3]}, not expected {surplus[:3]}"
        return
    for value in found:
        element_type, shape = expected[value.name]
        if value.name in graph.initializers:
            yield f"expected the {kind} {value.name!r} to be no weight"
        if value.element_type != element_type or not _fits(value.shape, shape):
            yield (
                f"expected the {kind} {value.name!r} to be {element_type} {list(shape)}, found"
                f" {value.element_type} {list(value.shape)}"
            )


def _fits(found: tuple[Dim, ...], expected: tuple[Dim, ...]) -> bool:
    """Compare sizes; where a name is expected, the size must be open."""
    return len(found) == len(expected) and all(
        not isinstance(size, int) if isinstance(wanted, str) else size == wanted
        for size, wanted in zip(found, expected, strict=True)
    )


def _ffn_problems(graph: OnnxGraph, node: OnnxNode, manifest: Manifest) -> Iterator[str]:
    architecture, quantization = manifest.architecture, manifest.quantization
    hidden, experts, inner = architecture.hidden, architecture.experts, architecture.expert_hidden
    weight_format: WeightFormat = quantization.experts
    block = quantization.block
    tensor = graph.initializers.get(node.inputs[3] if len(node.inputs) > 3 else "")  # noqa: PLR2004
    if tensor is not None and tensor.dims[:1] == (1,) and experts > 1:  # the one of every token
        experts, weight_format = 1, quantization.dense
        sizes = {architecture.dense_hidden, architecture.shared_hidden} - {0}
        found = node.attributes.get("expert_hidden")
        if found not in sizes:
            yield f"expected expert_hidden of {_name(node)} to be in {sizes}, found {found!r}"
            return
        inner = int(found)
    yield from _attribute_problems(
        node, {"weight_format": weight_format, "block": block, "expert_hidden": inner}
    )
    layout = node.attributes.get("layout", UNNAMED_LAYOUT)
    if weight_format != "f32" and layout != quantization.layout:
        yield f"expected layout {quantization.layout} of {_name(node)}, found {layout!r}"
    gate_up = 2 * bytes_per_expert(weight_format, block, inner, hidden)
    down = bytes_per_expert(weight_format, block, hidden, inner)
    yield from _weight_problems(graph, node, 3, ("uint8",), (experts, gate_up))
    yield from _weight_problems(graph, node, 4, ("uint8",), (experts, down))


def _cached_problems(graph: OnnxGraph, node: OnnxNode, architecture: Architecture) -> Iterator[str]:
    yield from _attribute_problems(
        node,
        {
            "num_heads": architecture.heads,
            "kv_heads": architecture.kv_heads,
            "head_dim": architecture.head_dim,
        },
    )
    tables = [graph.initializers.get(name) for name in node.inputs[6:8]]
    for tensor in tables:
        most = architecture.head_dim // 2
        match (None, ()) if tensor is None else (tensor.element_type, tensor.dims):
            case ("float32", (architecture.context, pairs)) if 1 <= pairs <= most:
                pass
            case found:
                yield (
                    f"expected angles of {architecture.context} positions and at most {most} pairs"
                    f" at {_name(node)}, found {found}"
                )
    if len(tables) != 2:  # noqa: PLR2004
        yield f"expected cosines and sines at {_name(node)}, found {len(tables)} of them"


def _group_query_problems(
    graph: OnnxGraph, node: OnnxNode, architecture: Architecture, provider: str
) -> Iterator[str]:
    yield from _attribute_problems(
        node,
        {"num_heads": architecture.heads, "kv_num_heads": architecture.kv_heads, "do_rotary": 1},
    )
    half, pairs = architecture.head_dim // 2, architecture.head_dim // 2
    if provider == CUDA:
        if any(node.inputs[9:_SINKS]):
            yield f"expected neither positions nor a bias at {_name(node)}, found one"
        yield from _surplus_problems(node, _SINKS + 1)
        if len(node.inputs) > _SINKS:
            yield from _weight_problems(graph, node, _SINKS, ("float16",), (architecture.heads,))
        tensor = graph.initializers.get(node.inputs[7] if len(node.inputs) > 7 else "")  # noqa: PLR2004
        if tensor is not None and len(tensor.dims) == 2 and 1 <= tensor.dims[1] <= half:  # noqa: PLR2004
            pairs = tensor.dims[1]  # of a head that turns in part
    else:
        yield from _surplus_problems(node, 9)
    types = (_ANGLES.get(provider, "float32"),)
    yield from _weight_problems(graph, node, 7, types, (architecture.context, pairs))
    yield from _weight_problems(graph, node, 8, types, (architecture.context, pairs))


def _matmul_problems(graph: OnnxGraph, node: OnnxNode, provider: str) -> Iterator[str]:
    sizes = [node.attributes.get(name) for name in ("N", "K", "bits", "block_size")]
    match sizes:
        case [int(rows), int(columns), int(bits), int(block)] if (
            rows > 0 and columns > 0 and bits in {4, 8} and block in {16, 32, 64, 128, 256}
        ):
            blocks = -(-columns // block)
        case _:
            yield f"expected N, K, bits and block_size of {_name(node)}, found {sizes}"
            return
    yield from _surplus_problems(node, 3)
    yield from _weight_problems(graph, node, 1, ("uint8",), (rows, blocks, block * bits // 8))
    types = _SCALES.get(provider, ("float32",))
    yield from _weight_problems(graph, node, 2, types, (rows, blocks))


def _surplus_problems(node: OnnxNode, most: int) -> Iterator[str]:
    """Refuse optional inputs: some hold indices that ONNX Runtime takes on trust."""
    if len(node.inputs) > most:
        yield f"expected {most} inputs of {_name(node)}, found {len(node.inputs)}"


def _attribute_problems(node: OnnxNode, expected: Mapping[str, AttributeValue]) -> Iterator[str]:
    for name, value in expected.items():
        found = node.attributes.get(name)
        if found != value:
            yield f"expected {name} {value!r} of {_name(node)}, found {found!r}"


def _weight_problems(
    graph: OnnxGraph,
    node: OnnxNode,
    index: int,
    element_types: tuple[str, ...],
    dims: tuple[int, ...],
) -> Iterator[str]:
    name = node.inputs[index] if index < len(node.inputs) else ""
    tensor = graph.initializers.get(name)
    if tensor is None or tensor.element_type not in element_types or tensor.dims != dims:
        found = "none" if tensor is None else f"{tensor.element_type} {list(tensor.dims)}"
        types = " or ".join(element_types)
        yield (
            f"expected weights {types} {list(dims)} at input {index} of {_name(node)},"
            f" found {found}"
        )


def _name(node: OnnxNode) -> str:
    domain = f"{node.domain}." if node.domain else ""
    return f"{domain}{node.op_type} {node.name!r}"
