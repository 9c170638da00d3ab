"""Keys and values in another memory: bound there, grown and copied without losing a position."""

import ctypes
import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference import CompletionRequest, Engine, EngineConfig, loading, survey
from inference.device import CPU_PROVIDER, Device
from inference.device_kv import DeviceKvCache
from inference.errors import OutOfMemoryError, ProviderError
from inference.gpu import Gpu, NoGpu
from inference.kv_cache import KvCache, KvShape
from inference.loading import open_session
from inference.model_dir import ModelDir
from inference.ops.library import library_path
from inference.placement import Placement
from inference.session import Session
from onnx_export import export_checkpoint
from onnx_export.random_checkpoint import qwen3_moe_config, write_random_checkpoint

SHAPE = KvShape(layers=2, kv_heads=3, head_dim=4, context=1000, kv_format="f16")
TOKENS = np.random.default_rng(0).integers(6, 800, 200).tolist()
CARD = Gpu(
    name="Fake RTX", capability=(8, 9), driver_cuda=13, total_bytes=24 << 30, free_bytes=24 << 30
)
# The processor's memory, treated as a GPU's is: everything but the copying itself is the same.
REMOTE = Device(provider=CPU_PROVIDER, memory="cpu", is_remote=True)


class Elsewhere:
    """An array that can only be read and written as a whole."""

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.values = np.full(shape, np.nan, dtype)

    @property
    def address(self) -> int:
        """Of the array."""
        return int(self.values.ctypes.data)

    def read(self) -> Any:
        """Copy it."""
        return self.values.copy()

    def write(self, values: Any) -> None:
        """Replace it."""
        assert values.shape == self.values.shape
        self.values[...] = values


def filled(cache: DeviceKvCache, tokens: int) -> DeviceKvCache:
    """Hold so many tokens, each position its own number."""
    cache.reserve(tokens, 1000)
    for index, buffer in enumerate(cache.held()):
        values = buffer.read()
        values[:, :, :tokens] = 1 + index + np.arange(tokens)[:, None] / 16
        buffer.write(values)
    cache.tokens = list(range(tokens))
    return cache


def test_growing_keeps_what_counts_and_nothing_is_nan() -> None:
    """Zeros stand behind: a kernel may multiply what it masks."""
    cache = filled(DeviceKvCache(SHAPE, Elsewhere), 200)
    growths, before = cache.growths, [buffer.read() for buffer in cache.held()]
    cache.rewind(150)
    cache.reserve(600, 1000)

    assert (cache.capacity, cache.growths) == (1000, growths + 1)
    assert [place.shape for place in cache.places()] == [(1, 3, 1000, 4)] * 4
    assert {place.dtype for place in cache.places()} == {np.dtype(np.float16)}
    for buffer, former in zip(cache.held(), before, strict=True):
        np.testing.assert_array_equal(buffer.read()[:, :, :150], former[:, :, :150])
        assert not buffer.read()[:, :, 150:].any()
    assert cache.nbytes == sum(buffer.read().nbytes for buffer in cache.held())


def test_copy_of_another_slots_beginning() -> None:
    """Of another capacity, too."""
    source, target = filled(DeviceKvCache(SHAPE, Elsewhere), 300), DeviceKvCache(SHAPE, Elsewhere)
    target.reserve(100, 1000)

    target.copy_from(source, 77)

    assert target.tokens == list(range(77))
    for mine, theirs in zip(target.held(), source.held(), strict=True):
        np.testing.assert_array_equal(mine.read()[:, :, :77], theirs.read()[:, :, :77])
    with pytest.raises(TypeError, match="on the device"):
        target.copy_from(KvCache(SHAPE), 1)


def test_too_little_memory_leaves_an_empty_slot() -> None:
    """The next prompt starts anew instead of reading buffers that are gone."""
    made: list[Elsewhere] = []

    def allocate(shape: tuple[int, ...], dtype: Any) -> Elsewhere:
        if len(made) == 6:
            raise OutOfMemoryError("hold keys and values on the GPU")
        made.append(Elsewhere(shape, dtype))
        return made[-1]

    cache = filled(DeviceKvCache(SHAPE, allocate), 200)
    with pytest.raises(OutOfMemoryError):
        cache.reserve(600, 1000)

    assert (cache.tokens, cache.capacity, cache.held()) == ([], 0, [])


@pytest.fixture(scope="module")
def both(
    make_spec: Callable[[str], dict[str, Any]],
    stand_in: Callable[[Path], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A tiny model with both graphs, the one for CUDA with our CPU experts in it."""
    folder = tmp_path_factory.mktemp("both")
    (folder / "tokenizer.json").write_text(json.dumps(make_spec("mixline")), encoding="utf-8")
    config = qwen3_moe_config(
        vocab=800,
        hidden=64,
        layers=2,
        heads=4,
        kv_heads=2,
        head_dim=32,
        experts=8,
        experts_per_token=2,
        expert_hidden=64,
        context=1024,
    )
    write_random_checkpoint(folder / "checkpoint", config, folder / "tokenizer.json", seed=1)
    out = folder / "model"
    export_checkpoint(folder / "checkpoint", out, weights="int8", providers=("cpu", "cuda"))
    graph = stand_in(out / "model.cuda.onnx")
    shutil.move(graph, out / "model.cuda.onnx")
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    manifest["files"]["model.cuda.onnx"]["bytes"] = (out / "model.cuda.onnx").stat().st_size
    (out / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return out


@pytest.fixture
def remote(both: Path) -> Session:
    """The graph for CUDA, run by the CPU with caches and inputs treated as a GPU's."""
    model = ModelDir.open(both)
    return Session(
        model.graphs["cuda"],
        library=library_path(),
        kv_shape=survey.kv_shape(model, "cuda"),
        vocab=800,
        threads=2,
        device=REMOTE,
    )


def relative_error(found: Any, expected: Any) -> float:
    """L2 norm of the difference over that of the expected."""
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def test_every_way_to_the_same_prompt_agrees(remote: Session, both: Path) -> None:
    """In one go, in chunks that make the caches grow, token by token, after a rewind and a copy."""
    assert remote.kv_shape.kv_format == "f16"

    def run(*chunks: list[int], room: int = 0) -> Any:
        kv = remote.new_cache()
        kv.reserve(room or 1, 1024)
        for chunk in chunks:
            kv.reserve(len(kv.tokens) + len(chunk), 1024)
            logits = remote.run(kv, chunk, 1.0)
        return logits.copy()

    long = TOKENS + TOKENS[::-1]  # past the first capacity of 256
    expected = run(long, room=400)
    assert relative_error(run(*[long[at : at + 64] for at in range(0, 400, 64)]), expected) < 0.01
    assert relative_error(run(*[[token] for token in long]), expected) < 0.01

    source, target = remote.new_cache(), remote.new_cache()
    source.reserve(400, 1024)
    remote.run(source, [*long[:300], *[7] * 50], 1.0)
    source.rewind(200)
    target.reserve(400, 1024)
    target.copy_from(source, 200)
    for kv in (source, target):
        assert relative_error(remote.run(kv, long[200:], 1.0), expected) < 0.01

    on_cpu = open_session(ModelDir.open(both), 2)
    kv = on_cpu.new_cache()
    kv.reserve(400, 1024)
    assert relative_error(on_cpu.run(kv, long, 1.0), expected) < 0.05


def test_scores_of_several_positions(remote: Session) -> None:
    """Positions asked for count for that run alone."""
    kv = remote.new_cache()
    kv.reserve(200, 1024)
    scores = remote.run_scored(kv, TOKENS[:50], 20, 1.0)
    kv.rewind(0)

    assert scores.shape == (30, 800)
    last = remote.run(kv, TOKENS[:50], 1.0)
    assert relative_error(last, scores[-1]) < 0.01
    half = remote.run(kv, TOKENS[50:52], 0.5).copy()
    kv.rewind(50)
    assert relative_error(remote.run(kv, TOKENS[50:52], 1.0), half) > 0.001


class CopyingIo:
    """Takes inputs as ONNX Runtime does for a GPU: it copies them when they are bound."""

    def __init__(self) -> None:
        self.inputs: dict[str, list[float]] = {}

    def bind_input(
        self, name: str, memory: str, _id: int, dtype: Any, shape: tuple[int, ...], address: int
    ) -> None:
        """Copy what stands at the address."""
        if memory == "cpu":
            data = ctypes.string_at(address, int(np.prod(shape)) * np.dtype(dtype).itemsize)
            self.inputs[name] = np.frombuffer(data, dtype).tolist()

    def bind_output(self, *_: Any) -> None:
        """Results do not matter here."""


class CopyingRuntime:
    """A session that only remembers what each run was given."""

    def __init__(self) -> None:
        self.io = CopyingIo()
        self.seen: list[dict[str, list[float]]] = []

    def io_binding(self) -> CopyingIo:
        """Return the one binding."""
        return self.io

    def run_with_iobinding(self, io: CopyingIo) -> None:
        """Remember."""
        self.seen.append(dict(io.inputs))


def test_inputs_are_bound_anew_for_each_step(remote: Session) -> None:
    """Once copied to the GPU, a token that is changed in place would never arrive."""
    runtime = CopyingRuntime()
    remote._session = runtime
    remote.device = replace(REMOTE, memory="cuda")
    kv = DeviceKvCache(remote.kv_shape, Elsewhere)
    kv.reserve(20, 1024)
    remote.run(kv, [11], 1.0)
    remote.run(kv, [12], 0.5)
    remote.run_scored(kv, [13, 14, 15], 1, 1.0)
    remote.run(kv, [16, 17], -0.5)
    assert remote.run_scored(kv, [18, 19], 2, 1.0).shape == (0, 800)  # the chunk of a prompt

    names = ("input_ids", "past_len", "logit_positions", "effort")
    assert [tuple(seen[name] for name in names) for seen in runtime.seen] == [
        ([11], [0], [0], [1.0]),
        ([12], [1], [0], [0.5]),
        ([13, 14, 15], [2], [1, 2], [1.0]),
        ([16, 17], [5], [1], [-0.5]),
        ([18, 19], [7], [1], [1.0]),  # kernels of CUDA's may not take an empty tensor
    ]


def test_engine_completes_with_caches_on_a_device(
    both: Path, monkeypatch: pytest.MonkeyPatch, make_request: Callable[..., CompletionRequest]
) -> None:
    """Growing, copying between slots and rewinding in the engine: same text as without."""
    request = make_request(prefix="def total(items):\n" + "    item = items[0]\n" * 40)
    placement = Placement(
        provider="cuda", reason="all experts on Fake RTX", gpu=CARD, kv_budget_tokens=3000
    )
    monkeypatch.setattr(loading, "choose_placement", lambda *_: placement)
    monkeypatch.setattr(loading, "cuda_device", lambda _: REMOTE)
    with Engine.open(both) as engine:
        assert engine.info.placement == "all experts on Fake RTX"
        assert engine.info.kernel == "sm_89 (Fake RTX)"
        assert engine.status().kv_budget_tokens == 3000
        found = engine.submit(request).future.result()
        again = engine.submit(replace(request, document="file:///b.py")).future.result()
    monkeypatch.setattr(loading, "cuda_device", lambda _: replace(REMOTE, is_remote=False))
    with Engine.open(both) as engine:
        expected = engine.submit(request).future.result()

    assert found.text == again.text == expected.text
    assert again.cached_tokens > 100


def test_falls_back_with_one_line(
    both: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    """A GPU, a graph for it, but no CUDA operators: expected, found, what to do; once."""
    monkeypatch.setattr(survey, "find_gpu", lambda: CARD)
    monkeypatch.setattr(survey, "find_cuda_library", lambda: None)
    with caplog.at_level(logging.WARNING), Engine.open(both) as engine:
        assert engine.info.provider == CPU_PROVIDER

    (record,) = caplog.records
    assert (
        "runs on the CPU, not on the GPU: expected the library of CUDA operators, found none"
        in (record.getMessage())
    )
    assert engine.info.placement in record.getMessage()
    with pytest.raises(ProviderError, match="cannot run on CUDA: expected the library"):
        Engine.open(both, EngineConfig(provider="cuda"))
    assert capfd.readouterr().out == ""


def test_a_gpu_that_refuses_after_all(
    both: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    """ONNX Runtime's own failure to start CUDA, which this machine has no libraries for."""
    placement = Placement(provider="cuda", reason="", gpu=CARD, kv_budget_tokens=3000)
    monkeypatch.setattr(loading, "choose_placement", lambda *_: placement)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")  # a machine with a GPU has none here
    with caplog.at_level(logging.WARNING), Engine.open(both) as engine:
        assert engine.info.provider == CPU_PROVIDER

    (record,) = caplog.records
    assert "runs on the CPU, not on the GPU: CUDA failed: " in record.getMessage()
    with pytest.raises(ProviderError, match="cannot run on CUDA"):
        Engine.open(both, EngineConfig(provider="cuda"))
    assert capfd.readouterr().out == ""


def test_without_a_gpu_nothing_is_said(
    both: Path, model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Most machines: the reason is there for who asks, no line for who does not."""
    monkeypatch.setattr(survey, "find_gpu", lambda: NoGpu(reason="no NVIDIA driver"))
    with caplog.at_level(logging.WARNING):
        for path, reason in ((both, "no NVIDIA driver"), (model, "has no graph for CUDA")):
            with Engine.open(path) as engine:
                assert reason in engine.info.placement
    assert not caplog.records
