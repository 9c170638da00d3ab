"""The shapes of Mixture-of-Experts layers that are measured, and what is asked of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from inference.model_dir import ModelDir, default_model

TOKENS: Final = (1, 2, 4, 8, 16, 64, 128, 512)
SHIPPED: Final = "shipped"
FEW_TOKENS: Final = 16
MANY_TOKENS: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class OpShape:
    """One layer's experts."""

    name: str
    hidden: int
    expert_hidden: int
    experts: int
    experts_per_token: int
    biases: bool = False
    activation: str = "swiglu"  # or swiglu_oai, with alpha 1.702 and limit 7

    @property
    def expert_weights(self) -> int:
        """Weights of one expert: gate, up and down."""
        return 3 * self.hidden * self.expert_hidden

    def operations(self, tokens: int) -> int:
        """Multiplications and additions of the products for so many tokens."""
        return 2 * self.expert_weights * self.experts_per_token * tokens

    def target(self, tokens: int) -> float:
        """Return the ratio to QMoE's time that is aimed at, at most."""
        if self.name == SHIPPED:
            return 0.90
        if tokens == 1:
            return 0.80
        return 0.75 if tokens < MANY_TOKENS else 0.70


# Sizes as the models' own configurations have them.
SHAPES: Final = (
    OpShape(
        name="qwen3-coder-30b", hidden=2048, expert_hidden=768, experts=128, experts_per_token=8
    ),
    OpShape(
        name="gpt-oss-20b",
        hidden=2880,
        expert_hidden=2880,
        experts=32,
        experts_per_token=4,
        biases=True,
        activation="swiglu_oai",
    ),
    OpShape(name="mellum2", hidden=2304, expert_hidden=896, experts=64, experts_per_token=8),
    OpShape(name="codex-mini", hidden=3072, expert_hidden=3584, experts=128, experts_per_token=2),
)
NAMES: Final = (SHIPPED, *(shape.name for shape in SHAPES))


def chosen_shapes(names: Sequence[str]) -> list[OpShape]:
    """Return the shapes of these names, out of `NAMES`.

    Raises:
        ModelDirectoryError: the shipped model, asked for, is missing or broken.
    """
    known = {shape.name: shape for shape in SHAPES}
    return [shipped_shape() if name == SHIPPED else known[name] for name in names]


def shipped_shape() -> OpShape:
    """Read the sizes of the shipped model's layers from its manifest."""
    sizes = ModelDir.open(default_model()).manifest.architecture
    return OpShape(
        name=SHIPPED,
        hidden=sizes.hidden,
        expert_hidden=sizes.expert_hidden,
        experts=sizes.experts,
        experts_per_token=sizes.experts_per_token,
    )
