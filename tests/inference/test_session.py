"""The graph through ONNX Runtime and our operators: cached, chunked and rewound runs agree."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from inference.config import EngineConfig
from inference.errors import MixlineError, ModelDirectoryError, OperatorLibraryError
from inference.kv_cache import KvCache
from inference.loading import load
from inference.ops.library import library_path
from inference.session import Session

TOKENS = np.random.default_rng(0).integers(6, 800, 200).tolist()


@pytest.fixture(scope="module")
def session(model: Path) -> Session:
    """Open the tiny fp32 model."""
    generator, _ = load(model, EngineConfig(threads=2), lambda _stage, _share: None)
    return generator.session


def fresh(session: Session, room: int = 300) -> KvCache:
    """Return an empty slot."""
    kv = KvCache(session.kv_shape)
    kv.reserve(room, session.kv_shape.context)
    return kv


def run(session: Session, kv: KvCache, *chunks: list[int]) -> np.ndarray:
    """Run chunks one after the other; return the last logits."""
    for chunk in chunks:
        logits = session.run(kv, chunk, 1.0)
    return logits.copy()


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    """L2 norm of the difference over that of the expected."""
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def test_every_way_to_the_same_prompt_agrees(session: Session) -> None:
    """One shot, chunks, token by token, and after a rewind: logits to 1e-4."""
    expected = run(session, fresh(session), TOKENS)
    single = [[token] for token in TOKENS]
    rewound = fresh(session)
    run(session, rewound, TOKENS[:150], [7] * 100)
    rewound.rewind(120)

    assert expected.std() > 0.1
    assert relative_error(run(session, fresh(session), *single), expected) < 1e-4
    for size in (1, 3, 64, 199):
        chunks = [TOKENS[at : at + size] for at in range(0, 200, size)]
        assert relative_error(run(session, fresh(session), *chunks), expected) < 1e-4
    assert relative_error(run(session, rewound, TOKENS[120:]), expected) < 1e-4
    assert rewound.tokens == TOKENS


def test_growing_keeps_the_context(session: Session) -> None:
    """A slot that outgrows its buffers goes on as if it had been large from the start."""
    expected = run(session, fresh(session, 600), *[TOKENS] * 3)
    kv = fresh(session, 200)
    run(session, kv, TOKENS)
    kv.reserve(600, session.kv_shape.context)

    assert kv.capacity == 1024
    assert relative_error(run(session, kv, TOKENS, TOKENS), expected) < 1e-5


def test_slots_do_not_touch_each_other(session: Session) -> None:
    """Two slots in turn give what each gives alone."""
    one, other = fresh(session), fresh(session)
    expected = run(session, fresh(session), TOKENS[:50], TOKENS[50:60])
    run(session, one, TOKENS[:50])
    run(session, other, TOKENS[100:])

    assert relative_error(run(session, one, TOKENS[50:60]), expected) < 1e-6


def test_effort_changes_the_result(session: Session) -> None:
    """Half of the experts is another answer than all; full mass is the same as all."""
    full, half, mass = (
        session.run(fresh(session), TOKENS[:20], effort).copy() for effort in (1.0, 0.5, -1.0)
    )

    assert relative_error(half, full) > 1e-3
    assert relative_error(mass, full) < 1e-5


def test_failed_run_leaves_the_slot(session: Session) -> None:
    """An effort that the operator refuses is an error of ours; the slot holds what it held."""
    kv = fresh(session)
    expected = run(session, fresh(session), TOKENS[:20], TOKENS[20:30])
    run(session, kv, TOKENS[:20])

    with pytest.raises(MixlineError, match="effort"):
        session.run(kv, TOKENS[20:30], 2.0)
    assert kv.tokens == TOKENS[:20]
    assert relative_error(run(session, kv, TOKENS[20:30]), expected) < 1e-6


@pytest.mark.parametrize("weights", ["int8", "int4"])
def test_quantised_weights_agree_too(make_model: Callable[..., Path], weights: str) -> None:
    """Chunks and a rewind against one shot.

    Activations are rounded to int8, so a last-bit difference may flip a rounding: 3e-2.
    """
    generator, _ = load(make_model(weights), EngineConfig(), lambda _stage, _share: None)
    session = generator.session
    expected = run(session, fresh(session), TOKENS)
    kv = fresh(session)
    run(session, kv, TOKENS[:70], [9] * 50)
    kv.rewind(60)

    assert relative_error(run(session, kv, TOKENS[60:100], TOKENS[100:]), expected) < 3e-2


def test_an_int8_cache_is_close_to_an_f32_one(
    session: Session, make_model: Callable[..., Path]
) -> None:
    """Rounded keys and values in 0.28 of the memory; grown, rewound and continued like any."""
    generator, _ = load(make_model(kv="int8"), EngineConfig(), lambda _stage, _share: None)
    rounded = generator.session
    shape = rounded.kv_shape
    kv = fresh(rounded, 60)
    run(rounded, kv, TOKENS[:50])
    kv.reserve(300, shape.context)
    run(rounded, kv, TOKENS[50:150], [7] * 100)
    kv.rewind(120)

    found = run(rounded, kv, TOKENS[120:])

    assert relative_error(found, run(rounded, fresh(rounded), TOKENS)) < 1e-4
    assert relative_error(found, run(session, fresh(session), TOKENS)) < 0.05
    assert shape.bytes_per_token * 128 == session.kv_shape.bytes_per_token * 36
    assert sum(buffer.nbytes for buffer in kv.buffers) == kv.nbytes


def test_refused_library_is_one_sentence(model: Path, tmp_path: Path) -> None:
    """A file that is no library, and none at all."""
    broken = tmp_path / "libmixline_ops.so"
    broken.write_bytes(b"no library")
    generator, _ = load(model, EngineConfig(), lambda _stage, _share: None)
    shape = generator.session.kv_shape

    for library in (broken, tmp_path / "none.so"):
        with pytest.raises(OperatorLibraryError, match="reinstall mixline") as caught:
            Session(model / "model.onnx", library=library, kv_shape=shape, vocab=800, threads=1)
        assert "\n" not in str(caught.value)


def test_refused_graph_is_one_sentence(model: Path, tmp_path: Path) -> None:
    """Bytes that are no model."""
    graph = tmp_path / "model.onnx"
    graph.write_bytes(b"\x08\x0anonsense")
    generator, _ = load(model, EngineConfig(), lambda _stage, _share: None)
    shape = generator.session.kv_shape

    with pytest.raises(ModelDirectoryError, match="ONNX Runtime") as caught:
        Session(graph, library=library_path(), kv_shape=shape, vocab=800, threads=1)
    assert "\n" not in str(caught.value)


def test_onnx_runtime_prints_nothing(model: Path, tmp_path: Path) -> None:
    """Neither a good model nor a broken one makes ONNX Runtime write to the terminal."""
    broken = tmp_path / "broken"
    shutil.copytree(model, broken)
    (broken / "model.onnx").write_bytes(os.urandom((broken / "model.onnx").stat().st_size))
    program = """if True:
        import sys
        from pathlib import Path
        from inference import CompletionRequest, Engine, MixlineError
        with Engine.open(Path(sys.argv[1])) as engine:
            request = CompletionRequest(document="a", path="a", prefix="x", suffix="", max_tokens=2)
            engine.submit(request).future.result()
        try:
            Engine.open(Path(sys.argv[2]))
        except MixlineError:
            print("refused")
    """

    done = subprocess.run(
        [sys.executable, "-c", program, str(model), str(broken)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "refused\n", "")
