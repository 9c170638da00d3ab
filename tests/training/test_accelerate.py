"""The fast path of a GPU, tried out on the CPU."""

import pytest

torch = pytest.importorskip("torch")

from training import accelerate as module  # noqa: E402 - torch first
from training import expert_kernels  # noqa: E402
from training.accelerate import accelerate, choose_kernel, kernel_times  # noqa: E402
from training.expert_kernels import Kernel, run_experts  # noqa: E402
from training.model import Model  # noqa: E402
from training.recipe import load_recipe  # noqa: E402

CONFIG = load_recipe("tiny").model


@pytest.fixture
def model() -> Model:
    """The tiny recipe's model."""
    made = Model(CONFIG)
    made.initialise(1)
    return made


def ids() -> torch.Tensor:
    """Two rows."""
    return torch.randint(16, CONFIG.vocab, (2, 33), generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("kernel", ["grouped", "padded"])
def test_fast_path_is_the_model(
    model: Model, kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loss, balance, load and gradients are those of the plain way; `plain` goes back to it."""
    monkeypatch.setattr(expert_kernels, "CAPACITY", CONFIG.experts)  # nothing is left out
    batch = ids()
    expected = model(batch[:, :-1], batch[:, 1:], 1)
    expected.nats.backward()
    slopes = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()

    compiled = accelerate(model, kernel, batch=64, contexts=(32, 16), half=False, compiled=False)
    found = model(batch[:, :-1], batch[:, 1:], 1)
    found.nats.backward()

    assert not compiled
    assert found.nats.item() == pytest.approx(expected.nats.item(), rel=1e-5)
    assert found.balance.item() == pytest.approx(expected.balance.item(), rel=1e-5)
    assert torch.allclose(found.load, expected.load)
    for name, parameter in model.named_parameters():
        assert torch.allclose(parameter.grad, slopes[name], atol=2e-3), name
    with model.plain():
        assert model.fast is None
        assert model.layers[0].experts.kernel == "loop"
    assert model.layers[0].experts.kernel == kernel


def test_failing_compiler_leaves_the_layers_as_they_are(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run goes on without a compiler, and says so."""

    def broken(*_arguments: object, **_options: object) -> None:
        raise RuntimeError("no C compiler")

    monkeypatch.setattr(module.torch, "compile", broken)

    with pytest.warns(UserWarning, match="no C compiler"):
        assert not accelerate(model, "grouped", batch=64, contexts=(32,), half=True, compiled=True)
    assert model(ids()[:, :-1], ids()[:, 1:], 1).nats.item() > 0


def test_wrong_compiled_layers_are_refused(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loss that is another one after compilation is noticed."""
    monkeypatch.setattr(module.torch, "compile", lambda function, **_options: skewed(function))

    with pytest.warns(UserWarning, match="run uncompiled"):
        assert not accelerate(model, "grouped", batch=64, contexts=(32,), half=False, compiled=True)


def skewed(function):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """The same function with its first result halved."""
    return lambda *inputs: (function(*inputs)[0] * 0.5, *function(*inputs)[1:])


def test_kernels_that_fail_or_err_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what gives the loop's results is timed."""

    def faulty(kernel: Kernel, *inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if kernel == "grouped":
            raise RuntimeError("not built for this device")
        y, counts = run_experts("loop", *inputs)
        return (y * 1.2 if kernel == "padded" else y), counts

    assert set(kernel_times(CONFIG, tokens=64, device="cpu", half=False)) == {"grouped", "padded"}
    monkeypatch.setattr(module, "run_experts", faulty)
    with (
        pytest.warns(UserWarning, match="grouped fails here: not built"),
        pytest.warns(UserWarning, match="padded is off by"),
    ):
        assert kernel_times(CONFIG, tokens=64, device="cpu", half=False) == {}


def test_a_cpu_takes_the_loop() -> None:
    """Measured fastest there; a named kernel is taken as named."""
    asked = {"tokens": 64, "device": "cpu", "half": False}

    assert choose_kernel("auto", CONFIG, **asked) == "loop"
    assert choose_kernel("padded", CONFIG, **asked) == "padded"
