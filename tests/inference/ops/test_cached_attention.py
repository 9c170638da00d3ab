"""CachedAttention against its numpy specification, with every kernel of this machine."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

Make = Callable[..., Any]
Case = dict[str, Any]
FORMATS = ("f32", "int8")

CASES: dict[str, Case] = {
    "one_token": {"tokens": 1},
    "a_tile_of_positions": {"tokens": 32},
    "one_more_than_a_tile": {"tokens": 33},
    "shipped_shape": {"tokens": 70, "num_heads": 4, "kv_heads": 2, "head_dim": 64},
    "a_head_of_its_own_for_each": {"tokens": 40, "num_heads": 3, "kv_heads": 3},
    "group_of_three": {"tokens": 40, "num_heads": 6, "kv_heads": 2},
    "group_of_seven": {"tokens": 40, "num_heads": 7, "kv_heads": 1},
    "group_of_eight": {"tokens": 40, "num_heads": 16, "kv_heads": 2, "head_dim": 128},
    "group_of_sixteen": {"tokens": 40, "num_heads": 16, "kv_heads": 1},
    "more_heads_than_a_block_of_rows": {"tokens": 3, "num_heads": 71, "kv_heads": 1},
    "head_dim_96": {"tokens": 37, "head_dim": 96},
    "head_dim_256": {"tokens": 37, "head_dim": 256},
    "window": {"tokens": 90, "window": 20},
    "window_of_a_tile": {"tokens": 90, "window": 32},
    "window_of_one": {"tokens": 40, "window": 1},
    "window_longer_than_the_text": {"tokens": 40, "window": 41},
    "sinks": {"tokens": 40, "sinks": True},
    "like_gpt_oss": {
        "tokens": 300,
        "num_heads": 16,
        "kv_heads": 2,
        "head_dim": 64,
        "window": 128,
        "sinks": True,
    },
    "nothing_turns": {"tokens": 40, "pairs": 0},
    "a_part_of_the_head_turns": {"tokens": 40, "head_dim": 64, "pairs": 8},
    "scale": {"tokens": 40, "scale": 0.7},
    "two_spans_in_one_task": {"tokens": 600, "num_heads": 4, "kv_heads": 4},
    "a_window_over_two_spans": {"tokens": 600, "num_heads": 8, "kv_heads": 1, "window": 100},
}


def assert_close(y: npt.NDArray[np.float32], expected: npt.NDArray[np.float64]) -> None:
    """Compare token by token, 5e-6 of the norm: sums in f32; the failure names the worst one."""
    error = np.linalg.norm(y - expected, axis=1)
    allowed = 5e-6 * np.linalg.norm(expected, axis=1)
    worst = int(np.argmax(error - allowed))
    assert (error <= allowed).all(), (
        f"token {worst}: |error| {error[worst]:.3e}, allowed {allowed[worst]:.3e};"
        f" got {y[worst]}, expected {expected[worst]}"
    )


@pytest.mark.parametrize("kv_format", FORMATS)
@pytest.mark.parametrize("name", CASES)
@pytest.mark.usefixtures("kernel")
def test_a_text_in_one_step(name: str, kv_format: str, make_stream: Make) -> None:
    """An int8 cache is rounded in blocks of 32, everything else is exact to f32 precision."""
    stream = make_stream(**CASES[name], kv_format=kv_format)

    assert_close(stream.run(), stream.expected())


@pytest.mark.parametrize("kv_format", FORMATS)
@pytest.mark.usefixtures("kernel")
def test_random_cases(kv_format: str, make_stream: Make) -> None:
    """40 shapes drawn at random, in two steps."""
    rng = np.random.default_rng(7)
    for seed in range(40):
        kv_heads = int(rng.integers(1, 5))
        head_dim = 32 * int(rng.integers(1, 5))
        tokens = int(rng.integers(2, 120))
        stream = make_stream(
            tokens=tokens,
            num_heads=kv_heads * int(rng.integers(1, 10)),
            kv_heads=kv_heads,
            head_dim=head_dim - (16 if kv_format == "f32" and rng.integers(2) else 0),
            window=int(rng.choice([0, int(rng.integers(1, 130))])),
            pairs=int(rng.integers(0, head_dim // 2 - 7)),
            sinks=bool(rng.integers(2)),
            spare=int(rng.integers(0, 40)),
            kv_format=kv_format,
            seed=seed,
        )

        assert_close(stream.run(int(rng.integers(1, tokens))), stream.expected())


@pytest.mark.parametrize("kv_format", FORMATS)
@pytest.mark.parametrize("window", [0, 150])
@pytest.mark.usefixtures("kernel")
def test_the_result_does_not_depend_on_threads_or_steps(
    window: int, kv_format: str, make_stream: Make
) -> None:
    """Bit for bit the same in one step, in many, and with 1, 2 and 3 threads."""
    stream = make_stream(
        tokens=1100,
        num_heads=8,
        kv_heads=2,
        head_dim=64,
        window=window,
        sinks=True,
        kv_format=kv_format,
    )

    whole = stream.run()

    np.testing.assert_array_equal(whole, stream.run(threads=1))
    np.testing.assert_array_equal(whole, stream.run(5, 6, 518, 600, *range(1080, 1100), threads=3))
    assert_close(whole[1000:], stream.expected(1000))


@pytest.mark.parametrize("kv_format", FORMATS)
@pytest.mark.usefixtures("kernel")
def test_going_back_forgets_what_was_behind(kv_format: str, make_stream: Make) -> None:
    """A smaller past_len continues from there: 33 tokens, back to 20, other 13 tokens."""
    stream = make_stream(tokens=33, kv_format=kv_format)
    other = make_stream(tokens=33, kv_format=kv_format, seed=1)
    for name in ("query", "key", "value"):
        other.node.feeds[name][:20] = stream.node.feeds[name][:20]
    other.node.weights.update(stream.node.weights)
    session, caches = stream.node.session(), stream.caches()
    stream.step(session, caches, 0, 33)

    again = other.step(session, caches, 20, 33)

    np.testing.assert_array_equal(again, other.run()[20:])


@pytest.mark.parametrize("kv_format", FORMATS)
def test_bound_buffers_are_extended_in_place(kv_format: str, make_stream: Make) -> None:
    """The same memory as past and as present: only the new positions are written."""
    stream = make_stream(tokens=40, kv_format=kv_format)
    session, caches = stream.node.session(), stream.caches()
    stream.step(session, caches, 0, 30)
    held = {name: cache.copy() for name, cache in caches.items()}
    y = np.empty((10, 128), np.float32)
    feeds = {name: stream.node.feeds[name][30:] for name in ("query", "key", "value")}
    binding = session.io_binding()
    for name, array in (feeds | {"past_len": np.array(30, np.int32)} | held).items():
        binding.bind_input(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
    for name, array in held.items():
        present = name.replace("past", "present")
        binding.bind_output(present, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
    binding.bind_output("y", "cpu", 0, y.dtype, y.shape, y.ctypes.data)

    session.run_with_iobinding(binding)

    np.testing.assert_array_equal(y, stream.run()[30:])
    for name, array in held.items():
        np.testing.assert_array_equal(array[:, :, :30], caches[name][:, :, :30])
        np.testing.assert_array_equal(array[:, :, 40:], caches[name][:, :, 40:])
        assert (array[:, :, 30:40] != caches[name][:, :, 30:40]).any()


@pytest.mark.usefixtures("kernel")
def test_no_tokens_and_a_cache_without_room_are_fine(make_stream: Make) -> None:
    """There is no memory then to copy past positions from: the sanitizers watch that."""
    stream = make_stream(tokens=0, spare=0)
    caches = stream.caches()

    y = stream.step(stream.node.session(), caches, 0, 0)

    assert y.shape == (0, 128)
    assert {cache.shape for cache in caches.values()} == {(1, 2, 0, 32)}


def test_no_tokens_is_fine(make_stream: Make) -> None:
    """An empty step gives an empty result and leaves the cache as it is."""
    stream = make_stream(tokens=5)
    session, caches = stream.node.session(), stream.caches()
    stream.step(session, caches, 0, 5)
    before = {name: cache.copy() for name, cache in caches.items()}

    y = stream.step(session, caches, 5, 5)

    assert y.shape == (0, 128)
    for name, cache in caches.items():
        np.testing.assert_array_equal(cache[:, :, :5], before[name][:, :, :5])


@pytest.mark.parametrize("kv_format", FORMATS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["query", "key", "value"])
@pytest.mark.usefixtures("kernel")
def test_a_broken_token_shows_where_it_is_seen(
    name: str, bad: float, kv_format: str, make_stream: Make
) -> None:
    """NaN or infinity reaches the token itself, later ones by its key and value, no earlier one."""
    stream = make_stream(tokens=40, pairs=0, kv_format=kv_format)
    clean = stream.run()
    stream.node.feeds[name][20, 3] = bad  # the first key/value head, query heads 0 and 1

    y = stream.run()

    np.testing.assert_array_equal(y[:20], clean[:20])
    seen = slice(20, 21) if name == "query" else slice(20, None)
    heads = slice(0, 32 if name == "query" else 64)
    if np.isnan(bad) or name != "key":  # an infinite key is one that nobody, or everybody, heeds
        assert (~np.isfinite(y[seen, heads])).any(axis=1).all()
    np.testing.assert_array_equal(y[:, 64:], clean[:, 64:])
    if name == "query":
        np.testing.assert_array_equal(y[21:], clean[21:])


@pytest.mark.parametrize("kv_format", FORMATS)
@pytest.mark.parametrize("size", [0.0, 1e-38, 1e-20, 1e4])
@pytest.mark.usefixtures("kernel")
def test_tiny_and_large_inputs_stay_finite(size: float, kv_format: str, make_stream: Make) -> None:
    """Scores up to 1e9 neither overflow nor leave a sum of zero."""
    stream = make_stream(tokens=40, sinks=True, kv_format=kv_format)
    for name in ("query", "key", "value"):
        stream.node.feeds[name] *= np.float32(size)

    y = stream.run(20)

    assert np.isfinite(y).all()


@pytest.mark.parametrize("kv_format", FORMATS)
def test_types_and_shapes_of_outputs_are_inferred(kv_format: str, make_stream: Make) -> None:
    """The result is like query, every present like its past."""
    session = make_stream(kv_format=kv_format).node.session()
    inputs = {value.name: value for value in session.get_inputs()}
    y, *present = session.get_outputs()

    assert (y.type, y.shape) == ("tensor(float)", ["tokens", 128])
    for value in present:
        past = inputs[value.name.replace("present", "past")]
        assert (value.type, value.shape) == (past.type, past.shape)
