"""Cases for ExpertFFN: any format, shape, id; weights drawn bit by bit or packed from numbers."""

import numpy as np

from inference.ops import layout
from tests.fuzz.harness import Array, Case, reshape_randomly
from tests.reference.expert_ffn import Experts, expert_ffn, quantised_expert_ffn

# T tokens, K slots, E experts, H hidden, I expert hidden

SIZES = (1, 2, 15, 16, 17, 31, 32, 33, 48, 64, 95, 127, 128, 129, 160)
NAMES = ("x", "ids", "weights", "gate_up", "down", "gate_up_bias", "down_bias")
TYPES = {"ids": "int32", "gate_up": "uint8", "down": "uint8"}
# Of a token's norm: rounding of activations may fall to either side where arithmetic differs.
TOLERANCE = {"f32": 1e-4, "int8": 2e-2, "int4": 2e-2, "mxfp4": 2e-2}


class FfnRound:
    """One ExpertFFN node; its packed weights are inputs, so that their shapes vary too."""

    op = "ExpertFFN"

    def __init__(self, rng: np.random.Generator) -> None:
        self._format = layout.WEIGHT_FORMATS[rng.integers(0, len(layout.WEIGHT_FORMATS))]
        self._block = 32 if self._format == "mxfp4" else int(rng.choice(layout.BLOCKS))
        self._expert_hidden = int(rng.choice(SIZES))
        self._activation = str(rng.choice(["swiglu", "swiglu_oai", "gelu"]))
        self._alpha, self._limit = (float(np.float32(v)) for v in rng.uniform(0.5, 8, 2))
        self.attributes: dict[str, int | float | str] = {
            "activation": self._activation,
            "weight_format": self._format,
            "block": self._block,
            "expert_hidden": self._expert_hidden,
            "alpha": self._alpha,
            "limit": self._limit,
        }
        self.refused = rng.random() < 0.15
        if self.refused:
            self.attributes |= WRONG[rng.integers(0, len(WRONG))]
        self._present = [True] * 5 + list(rng.random(2) < 0.4)
        self.inputs = {
            name: TYPES.get(name, "float32") if present else ""
            for name, present in zip(NAMES, self._present, strict=True)
        }
        self.outputs = {"y": "float32"}

    def case(self, rng: np.random.Generator) -> Case:
        """Draw sizes, tokens and weights, sometimes wrong ones."""
        tokens = int(rng.choice([0, 1, 1, 2, 3, 5, 9, 33, 70], p=[0.04, *[0.12] * 8]))
        hidden, experts = int(rng.choice(SIZES)), int(rng.integers(1, 6))
        k = int(rng.integers(0, 5))
        exact = rng.random() < 0.08 and 0 < tokens < 10 and hidden < 100
        feeds = self._feeds(rng, (tokens, hidden, experts, k), exact=exact)
        if rng.random() < 0.3:
            self._break(feeds, rng)
            exact = False
        refused = self._wrong(feeds)
        y = np.full((0, 0) if refused else feeds["x"].shape, 7e33, np.float32)
        return Case(
            feeds=feeds,
            outputs={"y": y},
            refused=refused,
            check=lambda made: self._check(feeds, made["y"], exact=exact),
        )

    def _feeds(
        self, rng: np.random.Generator, sizes: tuple[int, int, int, int], *, exact: bool
    ) -> dict[str, Array]:
        tokens, hidden, experts, k = sizes
        inner = self._expert_hidden

        def normal(*shape: int) -> Array:
            return rng.standard_normal(shape, dtype=np.float32)

        feeds: dict[str, Array] = {
            "x": normal(tokens, hidden),
            "ids": rng.integers(-1, experts, (tokens, k), dtype=np.int32),
            "weights": normal(tokens, k),
        }
        if exact:
            packing = self._format, self._block
            feeds["gate_up"] = layout.pack_gate_up(
                *packing, normal(experts, inner, hidden), normal(experts, inner, hidden)
            )
            feeds["down"] = layout.pack(*packing, normal(experts, hidden, inner))
        else:
            for name, rows, columns in (("gate_up", inner, hidden), ("down", hidden, inner)):
                size = layout.bytes_per_expert(self._format, self._block, rows, columns)
                shape = (experts, (1 + (name == "gate_up")) * size)
                feeds[name] = rng.integers(0, 256, shape, dtype=np.uint8)
            if rng.random() < 0.3 and tokens:
                feeds["x"].flat[rng.integers(0, feeds["x"].size)] = rng.choice(EXTREME)
        if self._present[5]:
            feeds["gate_up_bias"] = normal(experts, 2 * inner)
        if self._present[6]:
            feeds["down_bias"] = normal(experts, hidden)
        return feeds

    def _break(self, feeds: dict[str, Array], rng: np.random.Generator) -> None:
        if rng.random() < 0.3 and feeds["ids"].size:
            bad = rng.choice(np.array([-2, feeds["gate_up"].shape[0], 2**31 - 1, -(2**31)]))
            feeds["ids"].flat[rng.integers(0, feeds["ids"].size)] = bad
            return
        name = str(rng.choice(list(feeds)))
        feeds[name] = reshape_randomly(feeds[name], rng)

    def _wrong(self, feeds: dict[str, Array]) -> bool:
        """Say whether the documented rules forbid the call."""
        x, ids, gate_up = feeds["x"], feeds["ids"], feeds["gate_up"]
        if x.ndim != 2 or ids.ndim != 2 or gate_up.ndim != 2 or x.shape[1] == 0:
            return True
        (tokens, hidden), experts, inner = x.shape, gate_up.shape[0], self._expert_hidden
        packing = self._format, self._block
        expected = {
            "ids": (tokens, ids.shape[1]),
            "weights": ids.shape,
            "gate_up": (experts, 2 * layout.bytes_per_expert(*packing, inner, hidden)),
            "down": (experts, layout.bytes_per_expert(*packing, hidden, inner)),
            "gate_up_bias": (experts, 2 * inner),
            "down_bias": (experts, hidden),
        }
        if any(feeds[name].shape != shape for name, shape in expected.items() if name in feeds):
            return True
        return bool(((ids < -1) | (ids >= experts)).any())

    def _check(self, feeds: dict[str, Array], y: Array, *, exact: bool) -> str:
        idle = (feeds["ids"] < 0).all(axis=1)
        if y[idle].any():
            return "a token without experts is not zeros"
        if (y == np.float32(7e33)).any():
            return "a value of y was not written"
        if not exact:
            return ""
        experts = self._experts(feeds)
        compute = expert_ffn if self._format == "f32" else quantised_expert_ffn
        expected = compute(experts, feeds["x"], feeds["ids"], feeds["weights"])
        error = np.linalg.norm(y - expected, axis=1)
        norm = np.linalg.norm(expected, axis=1)
        # In f32, gelu far below 0 is the small difference of two large numbers.
        least = 1e-4 if self._activation == "gelu" else 1e-6
        if (error > TOLERANCE[self._format] * norm + least).any():
            return f"y is off by {error.tolist()} of {norm.tolist()}"
        return ""

    def _experts(self, feeds: dict[str, Array]) -> Experts:
        inner, hidden = self._expert_hidden, feeds["x"].shape[1]
        packing = self._format, self._block
        gate, up = layout.unpack_gate_up(*packing, feeds["gate_up"], inner, hidden)
        down = layout.unpack(*packing, feeds["down"], hidden, inner)
        count = feeds["gate_up"].shape[0]
        biases = feeds.get("gate_up_bias", np.zeros((count, 2 * inner)))
        return Experts(
            gate=gate.astype(np.float64),
            up=up.astype(np.float64),
            down=down.astype(np.float64),
            gate_bias=biases[:, :inner],
            up_bias=biases[:, inner:],
            down_bias=feeds.get("down_bias"),
            activation=self._activation,
            alpha=self._alpha,
            limit=self._limit,
        )


EXTREME = (np.nan, np.inf, -np.inf, 3e38, 1e-40, -0.0)
WRONG: tuple[dict[str, int | float | str], ...] = (
    {"activation": "relu"},
    {"activation": 1},
    {"weight_format": "int3"},
    {"weight_format": "int8", "block": 64},
    {"weight_format": "int4", "block": -32},
    {"weight_format": "mxfp4", "block": 128},
    {"weight_format": "int4", "block": 2**40},
    {"expert_hidden": 0},
    {"expert_hidden": -16},
    {"expert_hidden": 2**62},
    {"expert_hidden": 1.5},
    {"alpha": 1},
)
