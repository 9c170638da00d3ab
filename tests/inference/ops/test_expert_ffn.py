"""ExpertFFN against its numpy specification, with every kernel of this machine."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from inference.ops.layout import WeightFormat
from tests.reference.expert_ffn import expert_ffn, quantised_expert_ffn

Make = Callable[..., Any]
Case = dict[str, Any]
QUANTISED: tuple[WeightFormat, ...] = ("int8", "int4", "mxfp4")

CASES: dict[str, Case] = {
    "one_token": {"tokens": 1, "hidden": 256, "expert_hidden": 192, "experts": 16},
    "two_tokens": {"tokens": 2, "hidden": 256, "expert_hidden": 192, "experts": 16},
    "five_tokens": {"tokens": 5, "hidden": 96, "expert_hidden": 64},
    "shipped_shape": {"tokens": 33, "hidden": 256, "expert_hidden": 192, "experts": 16},
    "hidden_not_whole_blocks": {"tokens": 7, "hidden": 100, "expert_hidden": 64},
    "expert_hidden_odd": {"tokens": 9, "hidden": 128, "expert_hidden": 37},
    "everything_odd": {"tokens": 11, "hidden": 77, "expert_hidden": 45, "experts": 5, "k": 3},
    "less_than_a_tile": {"tokens": 6, "hidden": 5, "expert_hidden": 3, "k": 1},
    "one_of_each": {"tokens": 3, "hidden": 1, "expert_hidden": 1, "experts": 1, "k": 1},
    "expert_hidden_leaves_half_a_block": {"tokens": 4, "hidden": 64, "expert_hidden": 48},
    "block_of_128": {"tokens": 6, "hidden": 300, "expert_hidden": 150, "block": 128},
    "block_of_128_barely_begun": {"tokens": 6, "hidden": 129, "expert_hidden": 33, "block": 128},
    "eight_of_eight": {"tokens": 10, "hidden": 128, "expert_hidden": 96, "experts": 8, "k": 8},
    "experts_without_tokens": {"tokens": 2, "hidden": 64, "expert_hidden": 64, "experts": 64},
    "unused_slots": {"tokens": 40, "hidden": 64, "expert_hidden": 96, "k": 4, "unused": 0.6},
    "many_tokens": {"tokens": 512, "hidden": 160, "expert_hidden": 80, "experts": 6},
    "all_on_one_expert": {"tokens": 70, "hidden": 64, "expert_hidden": 64, "experts": 1, "k": 1},
    "swiglu_oai": {"tokens": 8, "hidden": 128, "expert_hidden": 64, "activation": "swiglu_oai"},
    "gelu": {"tokens": 8, "hidden": 128, "expert_hidden": 64, "activation": "gelu"},
    "biases": {"tokens": 8, "hidden": 90, "expert_hidden": 50, "bias": True},
    "like_gpt_oss": {
        "tokens": 8,
        "hidden": 160,
        "expert_hidden": 160,
        "experts": 8,
        "k": 4,
        "activation": "swiglu_oai",
        "bias": True,
    },
}

QUANTISED_CASES = [
    (name, weight_format)
    for name, case in CASES.items()
    for weight_format in QUANTISED
    if weight_format != "mxfp4" or case.get("block", 32) == 32
]


def norms(rows: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """L2 norm of each token's vector."""
    return np.linalg.norm(rows.astype(np.float64), axis=1)


def assert_close(
    y: npt.NDArray[np.float32],
    expected: npt.NDArray[np.float64],
    tolerance: float,
) -> None:
    """Compare token by token; the failure names the worst one."""
    error, allowed = norms(y - expected), tolerance * norms(expected)
    worst = int(np.argmax(error - allowed))
    assert (error <= allowed).all(), (
        f"token {worst}: |error| {error[worst]:.3e}, allowed {allowed[worst]:.3e},"
        f" |expected| {norms(expected)[worst]:.3e}; got {y[worst]}, expected {expected[worst]}"
    )


@pytest.mark.parametrize("name", CASES)
@pytest.mark.usefixtures("kernel")
def test_f32_is_exact_to_f32_precision(name: str, make_ffn: Make) -> None:
    """2e-6 of the norm: sums of up to 300 products in f32."""
    ffn = make_ffn(**CASES[name], weight_format="f32")

    (y,) = ffn.node.run()

    assert_close(y, expert_ffn(ffn.experts, *ffn.call), 2e-6)


@pytest.mark.parametrize(("name", "weight_format"), QUANTISED_CASES)
@pytest.mark.usefixtures("kernel")
def test_quantised_weights_agree_with_quantised_activations(
    name: str, weight_format: WeightFormat, make_ffn: Make
) -> None:
    """2e-6 of the norm, per token: every activation is rounded to the same side."""
    ffn = make_ffn(**CASES[name], weight_format=weight_format)

    (y,) = ffn.node.run()

    assert_close(y, quantised_expert_ffn(ffn.experts, *ffn.call), 2e-6)


@pytest.mark.parametrize("weight_format", QUANTISED)
@pytest.mark.usefixtures("kernel")
def test_a_hidden_value_between_two_steps_goes_to_the_right_one(
    weight_format: WeightFormat, make_ffn: Make
) -> None:
    """Of these 390,000 hidden values, f32 alone puts 1 or 2 a step off, with every kernel."""
    ffn = make_ffn(
        tokens=512,
        hidden=256,
        expert_hidden=192,
        experts=8,
        k=4,
        weight_format=weight_format,
        seed=3,
    )

    (y,) = ffn.node.run()

    assert_close(y, quantised_expert_ffn(ffn.experts, *ffn.call), 2e-6)


@pytest.mark.parametrize(
    ("weight_format", "block"),
    [("int8", 32), ("int8", 128), ("int4", 32), ("int4", 128), ("mxfp4", 32)],
)
@pytest.mark.parametrize("tokens", [1, 16, 512])
@pytest.mark.usefixtures("kernel")
def test_rounding_activations_costs_at_most_two_percent(
    tokens: int, block: int, weight_format: WeightFormat, make_ffn: Make
) -> None:
    """2e-2 of the norm, per token, against double precision on Gaussian inputs."""
    ffn = make_ffn(
        tokens=tokens, hidden=256, expert_hidden=192, weight_format=weight_format, block=block
    )

    (y,) = ffn.node.run()

    assert_close(y, expert_ffn(ffn.experts, *ffn.call), 2e-2)


@pytest.mark.parametrize("weight_format", ["f32", *QUANTISED])
@pytest.mark.usefixtures("kernel")
def test_random_cases(weight_format: WeightFormat, make_ffn: Make) -> None:
    """60 shapes drawn at random, each within 1e-5 of its reference."""
    rng = np.random.default_rng(7)
    for seed in range(60):
        experts = int(rng.integers(1, 9))
        ffn = make_ffn(
            tokens=int(rng.integers(1, 20)),
            hidden=int(rng.integers(1, 200)),
            expert_hidden=int(rng.integers(1, 150)),
            experts=experts,
            k=int(rng.integers(1, experts + 1)),
            weight_format=weight_format,
            block=32 if weight_format == "mxfp4" else int(rng.choice([32, 128])),
            activation=str(rng.choice(["swiglu", "swiglu_oai", "gelu"])),
            bias=bool(rng.integers(2)),
            unused=float(rng.choice([0.0, 0.3])),
            seed=seed,
        )
        (y,) = ffn.node.run()
        reference = expert_ffn if weight_format == "f32" else quantised_expert_ffn
        assert_close(y, reference(ffn.experts, *ffn.call), 1e-5)


@pytest.mark.parametrize("weight_format", ["f32", *QUANTISED])
@pytest.mark.usefixtures("kernel")
def test_the_result_does_not_depend_on_threads_or_neighbours(
    weight_format: WeightFormat, make_ffn: Make
) -> None:
    """Bit for bit the same with 1, 2 and 4 threads, and for a token on its own."""
    ffn = make_ffn(
        tokens=67, hidden=192, expert_hidden=160, experts=8, k=3, weight_format=weight_format
    )
    feeds = ffn.node.feeds
    results = [ffn.node.session(threads).run(None, feeds)[0] for threads in (1, 2, 4)]
    session = ffn.node.session()
    alone = [
        session.run(None, {name: value[t : t + 1] for name, value in feeds.items()})[0]
        for t in range(67)
    ]

    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])
    np.testing.assert_array_equal(results[0], np.concatenate(alone))


def test_one_session_runs_concurrently(make_ffn: Make) -> None:
    """Calls share no buffers: parallel runs on one session give what they give alone."""
    ffn = make_ffn(tokens=64, hidden=256, expert_hidden=256, experts=8, k=4)
    session = ffn.node.session()
    feeds = [ffn.node.feeds | {"x": ffn.node.feeds["x"] * np.float32(i + 1)} for i in range(4)]
    expected = [session.run(None, f)[0] for f in feeds]

    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda i: session.run(None, feeds[i % 4])[0], range(64)))

    for i, y in enumerate(got):
        np.testing.assert_array_equal(y, expected[i % 4])


@pytest.mark.usefixtures("kernel")
def test_a_token_without_experts_is_zero(make_ffn: Make) -> None:
    """All slots unused: y is zeros, whatever the memory held before."""
    ffn = make_ffn(tokens=4, unused=1.0)

    (y,) = ffn.node.run()

    np.testing.assert_array_equal(y, np.zeros_like(y))


@pytest.mark.usefixtures("kernel")
def test_no_tokens_is_fine(make_ffn: Make) -> None:
    """An empty batch gives an empty result."""
    ffn = make_ffn(tokens=0)

    (y,) = ffn.node.run()

    assert y.shape == (0, 64)


@pytest.mark.usefixtures("kernel")
def test_an_expert_chosen_twice_counts_twice(make_ffn: Make) -> None:
    """Slots are independent; ids need not differ."""
    ffn = make_ffn(tokens=5, weight_format="f32")
    ids = np.repeat(ffn.node.feeds["ids"][:, :1], 2, axis=1)
    ffn.node.feeds["ids"] = ids

    (y,) = ffn.node.run()

    assert_close(y, expert_ffn(ffn.experts, *ffn.call), 2e-6)


@pytest.mark.parametrize("weight_format", ["f32", *QUANTISED])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.usefixtures("kernel")
def test_a_broken_token_stays_alone(
    bad: float, weight_format: WeightFormat, make_ffn: Make
) -> None:
    """NaN or infinity in one token's x shows in its y, and in no other token's."""
    ffn = make_ffn(tokens=9, weight_format=weight_format)
    (clean,) = ffn.node.run()
    ffn.node.feeds["x"][4, 10] = bad

    (y,) = ffn.node.run()

    assert not np.isfinite(y[4]).any()
    np.testing.assert_array_equal(np.delete(y, 4, axis=0), np.delete(clean, 4, axis=0))


@pytest.mark.parametrize("weight_format", ["f32", *QUANTISED])
@pytest.mark.parametrize("size", [0.0, 1e-38, 1e-30, 1e-6, 1e6])
@pytest.mark.usefixtures("kernel")
def test_tiny_and_large_inputs_stay_finite(
    size: float, weight_format: WeightFormat, make_ffn: Make
) -> None:
    """Scales neither underflow to a division by zero nor overflow."""
    ffn = make_ffn(tokens=3, weight_format=weight_format)
    ffn.node.feeds["x"] *= np.float32(size)

    (y,) = ffn.node.run()

    assert np.isfinite(y).all()


def test_the_shape_of_y_is_inferred(make_ffn: Make) -> None:
    """It is the shape of x, the number of tokens symbolic."""
    (output,) = make_ffn().node.session().get_outputs()

    assert (output.type, output.shape) == ("tensor(float)", ["tokens", 64])
