"""ExpertRouter against its numpy specification, and what it refuses."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument, RuntimeException

from tests.reference.expert_router import Router

EFFORTS = (1.0, 0.5, 0.34, 1e-6, -0.3, -0.8, -1.0)
Make = Callable[..., Any]


def logits_for(seed: int, tokens: int = 9, experts: int = 16) -> npt.NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((tokens, experts)) * 3).astype(np.float32)


def effort_tensor(effort: float) -> npt.NDArray[np.float32]:
    return np.array(effort, dtype=np.float32)


def attributes_of(router: Router) -> dict[str, int | float | str]:
    return {name: getattr(router, name) for name in router.__slots__}


ROUTERS = [
    Router(k=k, scoring=scoring, normalize=normalize, softmax_after_topk=after, scale=scale)
    for k, (scoring, after), normalize, scale in itertools.product(
        (1, 2, 8, 16), (("softmax", 0), ("softmax", 1), ("sigmoid", 0)), (0, 1), (1.0, 2.5)
    )
] + [
    Router(k=3, scoring=scoring, normalize=1, n_group=n_group, topk_group=topk_group)
    for scoring in ("softmax", "sigmoid")
    for n_group, topk_group in ((1, 1), (4, 1), (4, 2), (8, 2), (16, 3))
]


@pytest.mark.parametrize("with_bias", [False, True], ids=["plain", "bias"])
@pytest.mark.parametrize("router", ROUTERS, ids=str)
def test_ids_and_weights_are_the_specified_ones(
    router: Router, with_bias: bool, make_router: Make
) -> None:
    """Ids are equal, weights agree to f32 precision, at full and at lowered effort."""
    logits = logits_for(router.k)
    bias = logits_for(99, tokens=1)[0] / 4 if with_bias else None
    session = make_router(logits, bias, effort_tensor(1.0), **attributes_of(router)).session()

    for effort in EFFORTS:
        feeds = {"logits": logits, "effort": effort_tensor(effort)}
        ids, weights = session.run(None, feeds | ({} if bias is None else {"bias": bias}))
        expected_ids, expected_weights = router.route(logits, bias, effort)

        np.testing.assert_array_equal(ids, expected_ids)
        np.testing.assert_allclose(weights, expected_weights, rtol=1e-6, atol=1e-12)


def test_effort_counts_as_documented(make_router: Make) -> None:
    """A share is rounded up; a mass keeps the fewest experts that reach it."""
    logits = np.log(np.array([[0.4, 0.3, 0.2, 0.1]], dtype=np.float32))
    session = make_router(logits, None, effort_tensor(1.0), k=4).session()

    def used(effort: float) -> int:
        ids, _ = session.run(None, {"logits": logits, "effort": effort_tensor(effort)})
        return int((ids >= 0).sum())

    assert [used(e) for e in (0.2, 0.25, 0.26, 0.5, 0.75, 1.0)] == [1, 1, 2, 2, 3, 4]
    assert [used(e) for e in (-0.1, -0.39, -0.5, -0.69, -0.8, -0.95, -1.0)] == [1, 1, 2, 2, 3, 4, 4]


def test_the_whole_mass_is_all_experts(make_router: Make) -> None:
    """Also those whose weight is lost when it is added to the others'."""
    logits = np.array([[0, -50, -100, -800]], dtype=np.float32)
    ids, _ = make_router(logits, None, effort_tensor(-1.0), k=4).run()

    assert ids.tolist() == [[0, 1, 2, 3]]


@pytest.mark.parametrize("k", range(1, 17))
def test_a_share_of_one_over_k_is_one_expert(k: int, make_router: Make) -> None:
    """1/k in f32 may be a little more than 1/k and still means one expert."""
    logits = logits_for(0)

    ids, _ = make_router(logits, None, effort_tensor(1 / k), k=k).run()

    assert ((ids >= 0).sum(axis=1) == 1).all()


def test_equal_scores_go_to_the_lower_expert(make_router: Make) -> None:
    """The order is defined even without a winner."""
    ids, weights = make_router(np.zeros((2, 8), np.float32), k=3, normalize=1).run()

    assert ids.tolist() == [[0, 1, 2]] * 2
    np.testing.assert_allclose(weights, 1 / 3, rtol=1e-6)


def test_extreme_logits_stay_finite(make_router: Make) -> None:
    """The largest finite logits neither overflow nor give NaN, with any scoring."""
    logits = np.full((1, 4), -3e38, np.float32)
    logits[0, 2] = 3e38

    for scoring in ("softmax", "sigmoid"):
        ids, weights = make_router(logits, k=2, scoring=scoring, normalize=1).run()

        assert ids[0, 0] == 2
        np.testing.assert_array_equal(weights, [[1.0, 0.0]])


def test_sigmoid_weights_that_all_underflow_are_zeros(make_router: Make) -> None:
    """Normalising zeros does not divide by zero."""
    logits = np.full((1, 4), -3e38, np.float32)

    _, weights = make_router(logits, k=2, scoring="sigmoid", normalize=1).run()

    np.testing.assert_array_equal(weights, [[0.0, 0.0]])


def test_no_tokens_is_fine(make_router: Make) -> None:
    """An empty batch gives empty outputs of the right shape."""
    ids, weights = make_router(np.zeros((0, 8), np.float32), k=3).run()

    assert ids.shape == weights.shape == (0, 3)


def test_shapes_are_inferred(make_router: Make) -> None:
    """The number of tokens stays symbolic, k is known before the first run."""
    outputs = make_router(logits_for(0), k=3).session().get_outputs()

    assert [(o.type, o.shape) for o in outputs] == [
        ("tensor(int32)", ["tokens", 3]),
        ("tensor(float)", ["tokens", 3]),
    ]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite_are_an_error(bad: float, make_router: Make) -> None:
    """The message says which token and expert."""
    logits = logits_for(0)
    logits[4, 7] = bad

    with pytest.raises(InvalidArgument, match=r"logits: expected finite.*token 4, expert 7"):
        make_router(logits, k=2).run()


def test_a_bias_that_is_not_finite_or_of_another_size_is_an_error(make_router: Make) -> None:
    """One bias per expert."""
    logits = logits_for(0)

    with pytest.raises(InvalidArgument, match=r"bias: expected finite.*expert 0"):
        make_router(logits, np.full(16, np.nan, np.float32), k=2).run()
    with pytest.raises(InvalidArgument, match=r"bias: expected float \[16\], got float \[15\]"):
        make_router(logits, np.zeros(15, np.float32), k=2).run()


@pytest.mark.parametrize("effort", [0.0, 1.01, -1.01, np.nan, np.inf])
def test_an_effort_outside_its_ranges_is_an_error(effort: float, make_router: Make) -> None:
    """Zero, more than all, and NaN."""
    with pytest.raises(InvalidArgument, match="effort: expected 0 < e <= 1"):
        make_router(logits_for(0), None, effort_tensor(effort), k=2).run()


def test_an_effort_that_is_no_scalar_is_an_error(make_router: Make) -> None:
    """Per-token effort does not exist."""
    with pytest.raises(InvalidArgument, match=r"effort: expected float \[\], got float \[2\]"):
        make_router(logits_for(0), None, np.ones(2, np.float32), k=2).run()


def test_logits_of_another_rank_are_an_error(make_router: Make) -> None:
    """Rank 3 is refused with what was expected."""
    with pytest.raises(InvalidArgument, match=r"logits: expected float \[any, any\]"):
        make_router(logits_for(0)[None], k=2).run()


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"k": 17}, "k: expected 1 to 16 experts, got 17"),
        ({"k": 2, "n_group": 3, "topk_group": 1}, "n_group: expected a divisor of 16"),
        ({"k": 5, "n_group": 4, "topk_group": 1}, "topk_group: expected 1 to 4 groups that hold"),
        ({"k": 2, "n_group": 4, "topk_group": 5}, "topk_group: expected 1 to 4"),
        ({"k": 2, "n_group": 4}, "topk_group: expected 1 to 4"),
    ],
)
def test_attributes_that_do_not_fit_the_experts_are_an_error(
    attributes: dict[str, int], message: str, make_router: Make
) -> None:
    """What only the number of experts can decide is checked at run time."""
    with pytest.raises(InvalidArgument, match=message):
        make_router(logits_for(0), **attributes).run()


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({}, "expected the attribute 'k', found none"),
        ({"k": 0}, "k: expected 1 to"),
        ({"k": -3}, "k: expected 1 to"),
        ({"k": 2, "scoring": "tanh"}, "scoring: expected softmax or sigmoid, got 'tanh'"),
        ({"k": 2, "normalize": 2}, "normalize: expected 0 or 1, got 2"),
        ({"k": 2, "softmax_after_topk": -1}, "softmax_after_topk: expected 0 or 1"),
        ({"k": 2, "softmax_after_topk": 1, "scoring": "sigmoid"}, "softmax_after_topk: expected 0"),
        ({"k": 2, "n_group": -1}, "n_group: expected 0 to"),
        ({"k": 2, "scale": 2}, "scale: expected an attribute of type float"),
        ({"k": 2.5}, "k: expected an attribute of type int"),
    ],
)
def test_wrong_attributes_are_an_error_when_the_session_opens(
    attributes: dict[str, int | float | str], message: str, make_router: Make
) -> None:
    """Nothing is guessed, and the node is named."""
    with pytest.raises((RuntimeException, InvalidArgument), match=message):
        make_router(logits_for(0), **attributes).session()
