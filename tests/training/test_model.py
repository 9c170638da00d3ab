"""The network: shapes, causality, expert balance."""

import pytest

torch = pytest.importorskip("torch")

from training.model import Model, ModelConfig, balance_loss  # noqa: E402 - torch first

CONFIG = ModelConfig(
    hidden=32,
    layers=2,
    heads=4,
    kv_heads=2,
    head_dim=8,
    experts=4,
    experts_per_token=2,
    expert_hidden=16,
    vocab=64,
    context=32,
    rope_theta=10000.0,
    norm_eps=1e-6,
)


@pytest.fixture
def model() -> Model:
    """A small model with random weights."""
    made = Model(CONFIG)
    made.initialise(1)
    return made


def test_parameters_are_counted(model: Model) -> None:
    """The configuration's figure is the model's."""
    assert sum(p.numel() for p in model.parameters()) == CONFIG.total_parameters
    idle = CONFIG.layers * 2 * 3 * CONFIG.hidden * CONFIG.expert_hidden
    assert CONFIG.active_parameters == CONFIG.total_parameters - idle


def test_later_tokens_change_nothing_before(model: Model) -> None:
    """The model is causal, in attention and in routing."""
    ids = torch.randint(0, 64, (1, 20))
    other = ids.clone()
    other[0, 12:] = (other[0, 12:] + 1) % 64

    a, b = model.logits(ids), model.logits(other)

    assert torch.allclose(a[:, :12], b[:, :12], atol=1e-5)
    assert not torch.allclose(a[:, 12:], b[:, 12:], atol=1e-3)


def test_experts_are_the_sum_over_the_chosen(model: Model) -> None:
    """Sorting tokens by expert gives what a plain loop over tokens and experts gives."""
    experts = model.layers[0].experts
    x = torch.randn(11, CONFIG.hidden)
    probabilities = torch.softmax(x @ experts.router.T, dim=-1)
    expected = torch.zeros_like(x)
    for row in range(len(x)):
        weights, chosen = probabilities[row].topk(CONFIG.experts_per_token)
        for weight, expert in zip(weights / weights.sum(), chosen, strict=True):
            gate, up = (experts.gate_up[expert] @ x[row]).chunk(2)
            hidden = torch.nn.functional.silu(gate) * up
            expected[row] += weight * (experts.down[expert] @ hidden)

    y, _, _ = experts(x)

    assert torch.allclose(y, expected, atol=1e-5)


def test_ignored_targets_do_not_count(model: Model) -> None:
    """The loss is the sum over the other targets."""
    ids = torch.randint(0, 64, (2, 10))
    targets = torch.randint(2, 64, (2, 10))
    targets[:, 5:] = 1
    log_p = model.logits(ids).log_softmax(dim=-1)
    expected = -log_p[:, :5].gather(2, targets[:, :5, None]).sum()

    assert torch.allclose(model(ids, targets, 1).nats, expected, rtol=1e-5)


def test_even_routing_has_balance_one() -> None:
    """When every expert gets its fair share the loss is 1, and the load says so."""
    probabilities = torch.full((8, 4), 0.25)
    chosen = torch.tensor([[0, 1], [2, 3]] * 4)

    loss, load = balance_loss(probabilities, chosen)

    assert loss.item() == pytest.approx(1.0)
    assert load.tolist() == [0.25] * 4


def test_collapsed_routing_costs_more() -> None:
    """All tokens at the same two of four experts cost twice as much."""
    probabilities = torch.tensor([[0.5, 0.5, 0.0, 0.0]] * 8)
    chosen = torch.tensor([[0, 1]] * 8)

    loss, load = balance_loss(probabilities, chosen)

    assert loss.item() == pytest.approx(2.0)
    assert load.tolist() == [0.5, 0.5, 0.0, 0.0]


def test_balance_loss_pushes_towards_idle_experts() -> None:
    """Its gradient raises the logit of the expert that got nothing."""
    logits = torch.zeros(6, 3, requires_grad=True)
    loss, _ = balance_loss(logits.softmax(dim=-1), torch.tensor([[0, 1]] * 6))

    loss.backward()

    assert (logits.grad[:, 2] < 0).all()
    assert (logits.grad[:, :2] > 0).all()
