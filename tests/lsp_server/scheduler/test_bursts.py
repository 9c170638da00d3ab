"""Scheduler: of many requests in one go two at most are generated for."""

from typing import Any

from lsp_server.postprocess.overlap import Insertion
from lsp_server.postprocess.reject import RejectReason


def shown(text: str) -> Insertion:
    return Insertion(text=text, absorbed=0)


async def test_of_a_burst_at_most_two_generations_run(desk: Any) -> None:
    """Fifty keys with a request each, in one go: the first and the last are generated for."""
    for number in range(50):
        desk.type(0, 4 + number, "ab"[number % 2])
        desk.ask(f"{number}", (0, 5 + number))
    await desk.settle(0.3)
    assert 1 <= len(desk.engine.started) <= 2
    for generation in desk.engine.started:
        if generation.runs:
            generation.finish("!")
    await desk.settle(0.3)
    if desk.generation.runs:
        desk.generation.finish("!")
    await desk.settle(0.1)

    assert len(desk.engine.started) <= 2
    assert list(desk.answers) == [f"{number}" for number in range(50)]
    assert desk.answers["49"] == shown("!")
    assert set(list(desk.answers.values())[:-1]) == {RejectReason.SUPERSEDED}


async def test_a_burst_of_jumps_runs_at_most_two_generations(desk: Any) -> None:
    """Requests at changing places without any edit."""
    desk.open("".join(f"x{number} = \n" for number in range(50)))
    for number in range(50):
        desk.ask(f"{number}", (number, 4))
    await desk.settle(0.3)

    assert len(desk.engine.started) == 2
    assert desk.generation.request.prefix.endswith("\nx49 ")


async def test_a_burst_at_one_place_runs_one_generation(desk: Any) -> None:
    """All of them want the same."""
    for number in range(50):
        desk.ask(f"{number}", (0, 4))
    desk.generation.finish("1")
    await desk.settle(0.2)

    assert len(desk.engine.started) == 1
    assert desk.answers["49"] == shown("1")


async def test_unread_input_delays_the_start(desk: Any) -> None:
    """On a busy machine quiet means that nothing waits to be read, not that time has passed."""
    desk.input_pending = True
    desk.ask("a", (0, 4))
    desk.ask("b", (1, 5))
    await desk.settle(0.2)
    assert len(desk.engine.started) == 1
    desk.input_pending = False
    await desk.settle(0.2)

    assert len(desk.engine.started) == 2
