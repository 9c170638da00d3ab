"""Muon and AdamW together."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from training.model import Model  # noqa: E402 - torch first
from training.optim import Muon, OptimConfig, Optimiser, orthogonalise  # noqa: E402
from training.recipe import load_recipe  # noqa: E402

CONFIG = OptimConfig(
    matrix_lr=0.02, vector_lr=4e-3, router_lr=1e-3, momentum=0.95, weight_decay=0.0
)


@pytest.mark.parametrize("shape", [(8, 8), (5, 16), (16, 5), (3, 8, 12)])
@pytest.mark.parametrize("half", [False, True])
def test_singular_values_come_near_one(shape: tuple[int, ...], half: bool) -> None:
    """Directions stay, lengths are evened out; in bfloat16, too."""
    torch.manual_seed(1)
    values = torch.linalg.svdvals(orthogonalise(torch.randn(shape), half=half))

    assert values.min() > 0.3
    assert values.max() < 1.4


def test_experts_are_orthogonalised_one_by_one() -> None:
    """A stack gives what each of its matrices gives alone."""
    stack = torch.randn(3, 8, 12)

    assert torch.allclose(
        orthogonalise(stack), torch.stack([orthogonalise(one) for one in stack]), atol=1e-4
    )


def small() -> tuple[Model, Optimiser]:
    """A model and its optimiser."""
    model = Model(replace(load_recipe("tiny").model, vocab=64))
    model.initialise(1)
    return model, Optimiser(model, CONFIG)


def one_step(model: Model, optimiser: Optimiser, seed: int) -> float:
    """Trains on one random batch."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(2, 64, (4, 33), generator=generator)
    output = model(ids[:, :-1], ids[:, 1:], 1)
    (output.nats / 128 + 0.01 * output.balance).backward()
    optimiser.step(1.0)
    return float(output.nats.detach()) / 128


def test_every_parameter_moves_and_the_loss_falls() -> None:
    """Nothing is forgotten by both rules."""
    model, optimiser = small()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}

    losses = [one_step(model, optimiser, 1) for _ in range(8)]

    assert losses[-1] < losses[0] - 0.5
    assert all(not torch.equal(before[name], p) for name, p in model.named_parameters())


def test_state_goes_on_exactly() -> None:
    """A saved and loaded optimiser takes the same next step."""
    model, optimiser = small()
    one_step(model, optimiser, 1)
    other, fresh = small()
    other.load_state_dict(model.state_dict())
    fresh.load_state_dict(optimiser.state_dict())

    one_step(model, optimiser, 2)
    one_step(other, fresh, 2)

    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


def test_state_of_another_model_is_refused() -> None:
    """Missing momenta are noticed."""
    _, optimiser = small()

    with pytest.raises(TypeError, match="another model"):
        optimiser.load_state_dict({"muon": [], "adam": {}})


def test_matrices_of_one_shape_may_go_together() -> None:
    """As on a GPU: the same steps as one by one."""
    config = OptimConfig(
        matrix_lr=0.02, vector_lr=4e-3, router_lr=1e-3, momentum=0.95, weight_decay=0.1
    )
    shapes = [((2, 16, 8), 2), ((8, 8), 1), ((8, 8), 1), ((3, 8, 16), 1)]
    generator = torch.Generator().manual_seed(1)
    starts = [torch.randn(*shape, generator=generator) for shape, _ in shapes]
    slopes = [torch.randn(*shape, generator=generator) for shape, _ in shapes]
    ends = []
    for together in (False, True):
        parameters = [torch.nn.Parameter(start.clone()) for start in starts]
        muon = Muon(
            [(p, parts) for p, (_, parts) in zip(parameters, shapes, strict=True)],
            config,
            half=False,
            together=together,
        )
        for parameter, slope in zip(parameters, slopes, strict=True):
            parameter.grad = slope
        muon.step(1.0)
        muon.step(0.5)
        ends.append([p.detach() for p in parameters])

    assert muon._groups == [[0, 1, 2], [3]]
    for one, other, start in zip(*ends, starts, strict=True):
        assert torch.allclose(one, other, atol=1e-5)
        assert not torch.allclose(one, start, atol=1e-2)
