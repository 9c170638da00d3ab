"""Small ONNX graphs around one operator, and sessions that run them with a chosen kernel."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx.numpy_helper
import onnx.parser
import onnxruntime as ort
import pytest

from inference.ops import layout, library
from inference.ops.layout import WeightFormat
from tests.gpu import usable_library
from tests.inference.ops.cuda_device import Device
from tests.reference.cached_attention import Attention
from tests.reference.expert_ffn import Experts

Tensor = npt.NDArray[Any]
Attribute = int | float | str
TYPES = {
    "float16": "float16",
    "float32": "float",
    "float64": "double",
    "int8": "int8",
    "int32": "int32",
    "int64": "int64",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One operator and the tensors around it; an input named "" is absent."""

    op: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    attributes: dict[str, Attribute]
    feeds: dict[str, Tensor]  # graph inputs, see `declare`
    weights: dict[str, Tensor]  # initializers

    def model(self, **changed: Attribute | None) -> onnx.ModelProto:
        """Return the graph; `changed` replaces attributes, None removes one."""
        attributes = {k: v for k, v in (self.attributes | changed).items() if v is not None}
        listed = ", ".join(
            f'{k} = "{v}"' if isinstance(v, str) else f"{k} = {v}" for k, v in attributes.items()
        )
        listed = f"<{listed}>" if listed else ""
        declared = ", ".join(declare(name, value) for name, value in self.feeds.items())
        results = ", ".join(f"float[a] {name}" for name in self.outputs)
        model = onnx.parser.parse_model(
            '<ir_version: 10, opset_import: ["": 21, "mixline": 1]>\n'
            f"graph ({declared}) => ({results})\n"
            f"{{ {', '.join(self.outputs)} = mixline.{self.op} {listed} () }}"
        )
        model.graph.node[0].name = "node"
        model.graph.node[0].input.extend(self.inputs)
        for output in model.graph.output:  # left to the operator's own shape inference
            output.ClearField("type")
        model.graph.initializer.extend(
            onnx.numpy_helper.from_array(value, name) for name, value in self.weights.items()
        )
        return model

    def session(self, threads: int = 2, **changed: Attribute | None) -> ort.InferenceSession:
        """Return a session over `model`; MIXLINE_ISA counts now."""
        return self.session_of(self.model(**changed), threads)

    def session_of(self, model: onnx.ModelProto, threads: int = 2) -> ort.InferenceSession:
        """Return a session over a changed graph."""
        return open_session(model.SerializeToString(), threads)

    def run(self, **changed: Attribute | None) -> list[Tensor]:
        """Run once on the feeds."""
        return list(self.session(**changed).run(None, self.feeds))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ffn:
    """An ExpertFFN node with random weights, and what it has to compute."""

    node: Node
    experts: Experts

    @property
    def call(self) -> tuple[Tensor, Tensor, Tensor]:
        """x, expert_ids and expert_weights."""
        return self.node.feeds["x"], self.node.feeds["ids"], self.node.feeds["weights"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A text that goes through a CachedAttention node in steps, and what they have to compute."""

    node: Node  # feeds: the whole text, empty caches
    attention: Attention

    def __len__(self) -> int:
        return len(self.node.feeds["query"])

    def step(
        self, session: ort.InferenceSession, caches: dict[str, Tensor], past: int, end: int
    ) -> Tensor:
        """Return y of the tokens from `past` on; `caches` is brought up to `end`."""
        text = {name: self.node.feeds[name][past:end] for name in ("query", "key", "value")}
        past_len = {"past_len": np.array(past, np.int32)}
        y, *present = session.run(None, text | past_len | caches)
        caches.update(zip(caches, present, strict=True))
        return y

    def caches(self) -> dict[str, Tensor]:
        """Return fresh caches, full of what must not be read."""
        feeds = self.node.feeds.items()
        return {k: v.copy() for k, v in feeds if k.startswith(("past_key", "past_value"))}

    def run(self, *ends: int, threads: int = 2) -> Tensor:
        """Return y of the whole text, fed in steps that end at `ends`."""
        session, caches = self.node.session(threads), self.caches()
        starts = (0, *ends)
        steps = zip(starts, (*ends, len(self)), strict=True)
        return np.concatenate([self.step(session, caches, *step) for step in steps])

    def expected(self, first: int = 0) -> npt.NDArray[np.float64]:
        """Return what y has to be from token `first` on."""
        feeds = self.node.feeds
        keys, values = self.attention.keys(feeds["key"], 0), self.attention.values(feeds["value"])
        return self.attention.attend(feeds["query"][first:], keys, values)


def declare(name: str, value: Tensor) -> str:
    """Return a graph input in ONNX's text format.

    The first of two dimensions is symbolic, of more than two all are.
    """
    dims = [str(d) for d in value.shape]
    if len(dims) == 2:
        dims[0] = "tokens"
    elif len(dims) > 2:
        dims = [f"{name}_{axis}" for axis in range(len(dims))]
    return f"{TYPES[value.dtype.name]}[{','.join(dims)}] {name}"


def open_session(model: bytes | str, threads: int) -> ort.InferenceSession:
    """Open a session with the operators."""
    options = ort.SessionOptions()
    options.register_custom_ops_library(str(library.library_path()))
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # errors come back as exceptions
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def make_ffn(
    *,
    tokens: int = 3,
    hidden: int = 64,
    expert_hidden: int = 48,
    experts: int = 4,
    k: int = 2,
    weight_format: WeightFormat = "int4",
    block: int = 32,
    activation: str = "swiglu",
    bias: bool = False,
    unused: float = 0.0,
    seed: int = 0,
) -> Ffn:
    """Draw weights and tokens; `unused` is the share of slots without an expert."""
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> npt.NDArray[np.float32]:
        return rng.standard_normal(shape).astype(np.float32)

    gate_up = layout.pack_gate_up(
        weight_format,
        block,
        normal(experts, expert_hidden, hidden) / np.float32(hidden**0.5),
        normal(experts, expert_hidden, hidden) / np.float32(hidden**0.5),
    )
    down = layout.pack(
        weight_format,
        block,
        normal(experts, hidden, expert_hidden) / np.float32(expert_hidden**0.5),
    )
    weights: dict[str, Tensor] = {"gate_up": gate_up, "down": down}
    if bias:
        weights["gate_up_bias"] = normal(experts, 2 * expert_hidden)
        weights["down_bias"] = normal(experts, hidden)
    ids = rng.permuted(np.tile(np.arange(experts, dtype=np.int32), (tokens, 1)), axis=1)[:, :k]
    ids = np.where(rng.random(ids.shape) < unused, np.int32(-1), ids)
    gate, up = layout.unpack_gate_up(weight_format, block, gate_up, expert_hidden, hidden)
    down_values = layout.unpack(weight_format, block, down, hidden, expert_hidden)
    return Ffn(
        node=Node(
            op="ExpertFFN",
            inputs=["x", "ids", "weights", *weights],
            outputs=["y"],
            attributes={
                "activation": activation,
                "weight_format": weight_format,
                "block": block,
                "expert_hidden": expert_hidden,
            },
            feeds={
                "x": normal(tokens, hidden),
                "ids": ids,
                "weights": rng.random((tokens, k)).astype(np.float32) + np.float32(0.1),
            },
            weights=weights,
        ),
        experts=Experts(
            gate=gate.astype(np.float64),
            up=up.astype(np.float64),
            down=down_values.astype(np.float64),
            gate_bias=weights["gate_up_bias"][:, :expert_hidden] if bias else None,
            up_bias=weights["gate_up_bias"][:, expert_hidden:] if bias else None,
            down_bias=weights.get("down_bias"),
            activation=activation,
        ),
    )


def make_stream(
    *,
    tokens: int = 20,
    num_heads: int = 4,
    kv_heads: int = 2,
    head_dim: int = 32,
    window: int = 0,
    kv_format: str = "f32",
    pairs: int | None = None,
    sinks: bool = False,
    scale: float | None = None,
    spare: int = 3,
    seed: int = 0,
) -> Stream:
    """Draw a text; `pairs` turn (None: all of the head, 0: none), `spare` positions stay free."""
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> npt.NDArray[np.float32]:
        return rng.standard_normal(shape).astype(np.float32)

    pairs = head_dim // 2 if pairs is None else pairs
    angles = rng.random((tokens + spare, pairs)) * 6.3
    weights: dict[str, Tensor] = {}
    if pairs:
        weights["cosines"] = np.cos(angles).astype(np.float32)
        weights["sines"] = np.sin(angles).astype(np.float32)
    if sinks:
        weights["sinks"] = normal(num_heads)
    shape = (1, kv_heads, tokens + spare, head_dim)
    caches: dict[str, Tensor]
    if kv_format == "int8":
        rest = {"past_key": np.full(shape, 77, np.int8), "past_value": np.full(shape, 77, np.int8)}
        scale_shape = (*shape[:3], head_dim // 32)
        scales = ("past_key_scale", "past_value_scale")
        caches = rest | {name: np.full(scale_shape, np.nan, np.float32) for name in scales}
    else:
        caches = {name: np.full(shape, np.nan, np.float32) for name in ("past_key", "past_value")}
    attributes: dict[str, Attribute] = {
        "num_heads": num_heads,
        "kv_heads": kv_heads,
        "head_dim": head_dim,
        "window": window,
        "kv_format": kv_format,
    }
    named = [name if name in weights else "" for name in ("cosines", "sines", "sinks")]
    return Stream(
        node=Node(
            op="CachedAttention",
            inputs=[
                *("query", "key", "value", "past_key", "past_value", "past_len"),
                *named,
                *list(caches)[2:],
            ],
            outputs=["y", *(name.replace("past", "present") for name in caches)],
            attributes=attributes | ({} if scale is None else {"scale": scale}),
            feeds={
                "query": normal(tokens, num_heads * head_dim),
                "key": normal(tokens, kv_heads * head_dim),
                "value": normal(tokens, kv_heads * head_dim),
                "past_len": np.array(0, np.int32),
                **caches,
            },
            weights=weights,
        ),
        attention=Attention(
            num_heads=num_heads,
            kv_heads=kv_heads,
            head_dim=head_dim,
            scale=head_dim**-0.5 if scale is None else scale,
            window=window,
            int8=kv_format == "int8",
            cosines=weights.get("cosines"),
            sines=weights.get("sines"),
            sinks=weights.get("sinks"),
        ),
    )


@pytest.fixture(name="make_stream", scope="session")
def make_stream_fixture() -> Callable[..., Stream]:
    """Hand out `make_stream`."""
    return make_stream


@pytest.fixture(name="make_ffn", scope="session")
def make_ffn_fixture() -> Callable[..., Ffn]:
    """Hand out `make_ffn`."""
    return make_ffn


@pytest.fixture(name="open_session", scope="session")
def open_session_fixture() -> Callable[[bytes | str, int], ort.InferenceSession]:
    """Hand out `open_session`."""
    return open_session


@pytest.fixture(scope="session")
def make_router() -> Callable[..., Node]:
    """Return a function that makes an ExpertRouter node for given logits, bias and effort."""

    def make(
        logits: Tensor,
        bias: Tensor | None = None,
        effort: Tensor | None = None,
        **attributes: Attribute,
    ) -> Node:
        given = {"logits": logits, "bias": bias, "effort": effort}
        return Node(
            op="ExpertRouter",
            inputs=[name if value is not None else "" for name, value in given.items()],
            outputs=["ids", "weights"],
            attributes=attributes,
            feeds={name: value for name, value in given.items() if value is not None},
            weights={},
        )

    return make


@pytest.fixture(params=library.available_kernels())
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Force each kernel of this machine in turn on the sessions that the test opens."""
    monkeypatch.setenv("MIXLINE_ISA", request.param)
    return str(request.param)


def over_plain_memory(name: str, library: Path, folder: Path) -> Iterator[Device]:
    """Hand out a GPU in whose place plain memory is, that has to be free again behind the test."""
    copy = shutil.copy(library, folder)  # loaded as another library, with its own state
    device = Device(name=name, path=copy, provider="CPUExecutionProvider")
    yield device
    state = device.state()
    assert (state.device_bytes, state.pinned_bytes, state.overruns) == (0, 0, 0)


@pytest.fixture
def fake(fake_library: Path, tmp_path: Path) -> Iterator[Device]:
    """Plain memory, with kernels that are plain loops."""
    yield from over_plain_memory("plain memory", fake_library, tmp_path)


@pytest.fixture
def emulated(emulated_library: Path, tmp_path: Path) -> Iterator[Device]:
    """Plain memory, with the kernels themselves, emulated."""
    yield from over_plain_memory("emulated", emulated_library, tmp_path)


@pytest.fixture(params=["fake", "emulated", *(["gpu"] if usable_library() else [])])
def device(request: pytest.FixtureRequest) -> Device:
    """Plain memory in both ways and, where there is one, a GPU."""
    if request.param != "gpu":
        plain: Device = request.getfixturevalue(request.param)
        return plain
    library = usable_library()
    assert library is not None
    if hasattr(ort, "preload_dlls"):
        ort.preload_dlls()
    return Device(name="gpu", path=library.path, provider="CUDAExecutionProvider")
