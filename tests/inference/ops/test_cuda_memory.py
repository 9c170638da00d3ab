"""Where the CUDA operators keep experts: uploads, the cache of the most used, CUDA graphs.

Over plain memory, which counts what is asked of it and does copies as late as a GPU may.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest

from tests.inference.ops.cuda_device import Device, State, half_model, halved
from tests.reference.expert_ffn import expert_ffn

Make = Callable[..., Any]
EXPERTS = 8
LOOK = 32  # ExpertStore::kCallsPerLook


def expert_bytes(ffn: Any) -> int:
    """Bytes of all experts of a layer."""
    return sum(int(ffn.node.weights[name].nbytes) for name in ("gate_up", "down"))


def asked(state: State) -> tuple[int, int, int]:
    """What CUDA graphs forbid."""
    return state.allocations, state.copied_bytes, state.waits


def always(ffn: Any, *experts: int) -> dict[str, npt.NDArray[Any]]:
    """Feeds whose tokens all go to these experts."""
    feeds = halved(ffn)
    feeds["ids"] = np.tile(np.array(experts, np.int32), (len(feeds["x"]), 1))
    return feeds


def test_experts_are_uploaded_in_the_first_run_and_never_again(
    make_ffn: Make, fake: Device
) -> None:
    """A later run allocates nothing, copies nothing and waits for nothing."""
    ffn = make_ffn(tokens=6, bias=True)
    session = fake.session(half_model(ffn))
    state = fake.state()
    assert state.device_bytes == 0
    (first,) = session.run(None, halved(ffn))
    before = asked(state)
    launches = state.launches

    for _ in range(3 * LOOK):
        (y,) = session.run(None, halved(ffn))

    assert asked(state) == before
    assert state.launches == launches + 3 * LOOK
    np.testing.assert_array_equal(y, first)


def test_device_memory_is_the_experts_and_one_workspace(make_ffn: Make, fake: Device) -> None:
    """One token: under 1.1 times the experts; the file's bytes are not kept in pinned memory."""
    ffn = make_ffn(tokens=1, hidden=256, expert_hidden=192, experts=16)
    session = fake.session(half_model(ffn))

    session.run(None, halved(ffn))

    assert expert_bytes(ffn) <= fake.state().most_device_bytes < 1.1 * expert_bytes(ffn)
    assert fake.state().pinned_bytes <= 4
    assert fake.totals().expert_bytes == expert_bytes(ffn)


def test_layers_share_one_workspace(make_ffn: Make, fake: Device) -> None:
    """A second layer takes as much as its experts do."""
    ffn = make_ffn(tokens=64)
    one = fake.session(half_model(ffn))
    one.run(None, halved(ffn))
    alone = fake.state().device_bytes
    del one
    two = fake.session(stacked(ffn))

    two.run(None, halved(ffn))

    assert fake.state().device_bytes == alone + expert_bytes(ffn)


def stacked(ffn: Any) -> onnx.ModelProto:
    """Two layers, the second with the first's y as x."""
    model = half_model(ffn)
    second = model.graph.node.add()
    second.CopyFrom(model.graph.node[0])
    second.name = "second"
    second.input[0] = "y"
    second.output[0] = "z"
    model.graph.output[0].name = "z"
    return model


@pytest.mark.parametrize("resident", [0, 1, 3, 7])
def test_experts_that_do_not_fit_give_the_same_y(
    resident: int, make_ffn: Make, fake: Device
) -> None:
    """Kernels find some in device memory and some in the host's, wherever they have moved to."""
    ffn = make_ffn(tokens=3, experts=EXPERTS, k=4, unused=0.2, bias=True)
    feeds = halved(ffn)
    budget = max(1, expert_bytes(ffn) * resident // EXPERTS)
    whole = fake.session(half_model(ffn))
    (expected,) = whole.run(None, feeds)
    del whole
    session = fake.session(half_model(ffn), resident_bytes=budget)
    other = always(ffn, 7, 6, 5, 4)
    exact = expert_ffn(ffn.experts, other["x"], other["ids"], other["weights"])

    for _ in range(4 * LOOK):
        (y,) = session.run(None, feeds)
        np.testing.assert_array_equal(y, expected)
    for _ in range(4 * LOOK):
        (y,) = session.run(None, other)
        np.testing.assert_allclose(y, exact, rtol=2e-2, atol=2e-2)

    held = fake.totals()
    assert held.expert_bytes == resident * expert_bytes(ffn) // EXPERTS
    bias_bytes = sum(int(ffn.node.weights[n].nbytes) for n in ("gate_up_bias", "down_bias"))
    assert held.device_bytes - held.expert_bytes - bias_bytes == 24 * EXPERTS + 4 * (EXPERTS + 1)


def test_the_most_used_experts_move_into_device_memory(make_ffn: Make, fake: Device) -> None:
    """Hits are counted, up to the last look but one: what a look asks for, the next one has."""
    ffn = make_ffn(tokens=2, experts=EXPERTS, k=2)
    session = fake.session(half_model(ffn), resident_bytes=expert_bytes(ffn) // 4)
    for _ in range(1 + 2 * LOOK):  # the first uploads, and does not look
        session.run(None, always(ffn, 6, 7))
    early = fake.totals()
    assert (early.uses, early.hits) == (4 * LOOK, 0)

    for _ in range(4 * LOOK):
        session.run(None, always(ffn, 6, 7))

    late = fake.totals()
    assert (late.uses, late.hits) == (4 * 5 * LOOK, 4 * 3 * LOOK)  # all since the second look


def test_the_cache_waits_for_nothing(make_ffn: Make, fake: Device) -> None:
    """It allocates all it needs in the first run, and copies in the stream's order."""
    ffn = make_ffn(tokens=1, experts=EXPERTS)
    session = fake.session(half_model(ffn), resident_bytes=expert_bytes(ffn) // 2)
    session.run(None, always(ffn, 0, 1))
    state = fake.state()
    before, copied = (state.allocations, state.waits), state.copied_bytes

    for _ in range(6 * LOOK):
        session.run(None, always(ffn, 6, 7))

    assert (state.allocations, state.waits) == before
    assert state.copied_bytes - copied < expert_bytes(ffn)


def test_layers_get_the_same_share(make_ffn: Make, fake: Device) -> None:
    """Half of the bytes of both layers: half of the experts of each."""
    ffn = make_ffn(experts=EXPERTS)
    session = fake.session(stacked(ffn), resident_bytes=expert_bytes(ffn))

    session.run(None, halved(ffn))

    assert fake.totals().expert_bytes == expert_bytes(ffn)


@pytest.mark.parametrize("given", ["lots", "-1", "1e9"])
def test_resident_bytes_have_to_be_a_number(given: str, make_ffn: Make, fake: Device) -> None:
    """The message says which option."""
    with pytest.raises(Exception, match=r"mixline\.resident_bytes: expected a number of bytes"):
        fake.session(half_model(make_ffn()), resident_bytes=given)


def test_too_little_device_memory_is_one_sentence(make_ffn: Make, fake: Device) -> None:
    """Nothing is left behind, and with more memory the session runs."""
    ffn = make_ffn()
    session = fake.session(half_model(ffn))
    fake.state().free_bytes = expert_bytes(ffn) // 2

    with pytest.raises(Exception, match="free bytes of GPU memory"):
        session.run(None, halved(ffn))

    assert fake.state().device_bytes == 0
    fake.state().free_bytes = 1 << 40
    session.run(None, halved(ffn))


def test_a_captured_run_only_launches(make_ffn: Make, fake: Device) -> None:
    """After one like it: no allocation, no copy, no wait."""
    ffn = make_ffn(tokens=6)
    session = fake.session(half_model(ffn))
    (expected,) = session.run(None, halved(ffn))
    state = fake.state()
    before = asked(state)
    state.capturing = 1

    (y,) = session.run(None, halved(ffn))

    assert asked(state) == before
    np.testing.assert_array_equal(y, expected)


def test_what_a_graph_was_given_stays(make_ffn: Make, fake: Device) -> None:
    """A larger run behind the capture takes memory of its own: a replay finds its workspace."""
    ffn = make_ffn(tokens=2)
    session = fake.session(half_model(ffn))
    session.run(None, halved(ffn))
    state = fake.state()
    state.capturing = 1
    session.run(None, halved(ffn))
    state.capturing = 0
    captured = state.device_bytes
    feeds = halved(ffn)
    larger = {name: np.repeat(value, 50, axis=0) for name, value in feeds.items()}

    session.run(None, larger)

    assert state.device_bytes > captured + 50 * 2 * 64 * 4


def test_a_capture_without_a_run_before_it_is_refused(make_ffn: Make, fake: Device) -> None:
    """Its upload could not be recorded; nor could memory for more tokens than before."""
    ffn = make_ffn(tokens=2)
    session = fake.session(half_model(ffn))
    state = fake.state()
    state.capturing = 1
    with pytest.raises(Exception, match="expected a run before the one that a CUDA graph"):
        session.run(None, halved(ffn))
    state.capturing = 0
    session.run(None, halved(ffn))
    state.capturing = 1
    more = {name: np.repeat(value, 50, axis=0) for name, value in halved(ffn).items()}

    with pytest.raises(Exception, match="expected a run of as many tokens before"):
        session.run(None, more)


def test_a_graph_wants_all_experts_resident(make_ffn: Make, fake: Device) -> None:
    """The cache is steered between runs, which a replay knows nothing of."""
    ffn = make_ffn(experts=EXPERTS)
    session = fake.session(half_model(ffn), resident_bytes=expert_bytes(ffn) // 2)
    session.run(None, halved(ffn))
    fake.state().capturing = 1

    with pytest.raises(Exception, match="expected all experts in GPU memory for a CUDA graph"):
        session.run(None, halved(ffn))
