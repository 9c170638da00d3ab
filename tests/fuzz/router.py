"""Cases for ExpertRouter: any attributes, shapes, logits, efforts."""

import numpy as np

from tests.fuzz.harness import Array, Case, reshape_randomly
from tests.reference.expert_router import Router

# T tokens, E experts, K slots

SPECIAL = (np.nan, np.inf, -np.inf)
UNTOUCHED = -77  # an id and a weight that no router writes


class RouterRound:
    """One ExpertRouter node."""

    op = "ExpertRouter"

    def __init__(self, rng: np.random.Generator) -> None:
        after = int(rng.random() < 0.3)
        groups = int(rng.choice([0, 0, 1, 2, 4, 8]))
        self._router = Router(
            k=int(rng.integers(1, 10)),
            scoring="softmax" if after or rng.random() < 0.5 else "sigmoid",
            normalize=int(rng.integers(0, 2)),
            softmax_after_topk=after,
            n_group=groups,
            topk_group=int(rng.integers(1, groups + 1)) if groups else 0,
            scale=float(rng.choice([1.0, 2.5, -0.5, 0.0])),
        )
        self.attributes = {name: getattr(self._router, name) for name in Router.__slots__}
        self.refused = rng.random() < 0.15
        if self.refused:
            self.attributes |= WRONG[rng.integers(0, len(WRONG))]
        self._bias, self._effort = rng.random(2) < 0.5
        self.inputs = {
            "logits": "float32",
            "bias": "float32" if self._bias else "",
            "effort": "float32" if self._effort else "",
        }
        self.outputs = {"ids": "int32", "weights": "float32"}

    def case(self, rng: np.random.Generator) -> Case:
        """Draw logits, bias and effort, sometimes wrong ones."""
        router = self._router
        size = max(1, router.n_group)
        tokens = int(rng.choice([0, 1, 1, 2, 3, 17]))
        experts = int(rng.integers(1, 20)) * (size if rng.random() < 0.9 else 1)
        scale = float(rng.choice([0.0, 1.0, 5.0, 100.0, 1e38]))
        feeds: dict[str, Array] = {"logits": rng.normal(0, scale, (tokens, experts))}
        if rng.random() < 0.3:
            feeds["logits"] = np.round(feeds["logits"])  # ties
        if self._bias:
            feeds["bias"] = np.round(rng.normal(size=experts), 1)
        if self._effort:
            feeds["effort"] = np.array(rng.choice(EFFORTS))
        for name, values in feeds.items():
            feeds[name] = np.asarray(np.clip(values, -3e38, 3e38), np.float32)
        if rng.random() < 0.3:
            self._break(feeds, rng)
        refused = self._wrong(feeds)
        tokens = 0 if refused else feeds["logits"].shape[0]
        outputs: dict[str, Array] = {
            "ids": np.full((tokens, router.k), UNTOUCHED, np.int32),
            "weights": np.full((tokens, router.k), UNTOUCHED, np.float32),
        }
        return Case(
            feeds=feeds,
            outputs=outputs,
            refused=refused,
            check=lambda made: self._check(feeds, made),
        )

    def _break(self, feeds: dict[str, Array], rng: np.random.Generator) -> None:
        name = str(rng.choice(list(feeds)))
        if rng.random() < 0.5:
            feeds[name] = reshape_randomly(feeds[name], rng)
            return
        special = np.float32(rng.choice(SPECIAL))
        if feeds[name].size:
            feeds[name].flat[rng.integers(0, feeds[name].size)] = special

    def _wrong(self, feeds: dict[str, Array]) -> bool:
        """Say whether the documented rules forbid the call."""
        logits, bias, effort = (feeds.get(name) for name in ("logits", "bias", "effort"))
        if logits is None or logits.ndim != 2:
            return True
        experts = logits.shape[1]
        if bias is not None and bias.shape != (experts,):
            return True
        if effort is not None and (
            effort.shape not in {(), (1,)} or not 0 < abs(float(effort.reshape(()))) <= 1
        ):
            return True
        router = self._router
        if router.k > experts:
            return True
        if router.n_group and (
            experts % router.n_group or router.topk_group * experts // router.n_group < router.k
        ):
            return True
        return not all(np.isfinite(a).all() for a in (logits, bias) if a is not None)

    def _check(self, feeds: dict[str, Array], made: dict[str, Array]) -> str:
        effort = float(feeds["effort"].reshape(())) if self._effort else 1.0
        with np.errstate(all="ignore"):
            ids, weights = self._router.route(feeds["logits"], feeds.get("bias"), effort)
        if not (made["ids"] == ids).all():
            return f"ids {made['ids'].tolist()} instead of {ids.tolist()}"
        weights = np.where(np.isfinite(weights), weights, 0.0)  # all sigmoids underflowed
        if not np.allclose(made["weights"], weights, rtol=1e-6, atol=1e-37):
            return f"weights {made['weights'].tolist()} instead of {weights.tolist()}"
        return ""


EFFORTS = (1.0, 0.5, 0.3, 1e-6, -1e-6, -0.4, -0.9, -1.0, 0.0, 1.5, -1.5, np.nan, np.inf)
WRONG: tuple[dict[str, int | float | str], ...] = (
    {"k": 0},
    {"k": -1},
    {"k": 2**40},
    {"k": 1.0},
    {"scoring": "max"},
    {"scoring": 1},
    {"normalize": 2},
    {"softmax_after_topk": -1},
    {"softmax_after_topk": 1, "scoring": "sigmoid"},
    {"n_group": -1},
    {"topk_group": -(2**62)},
    {"scale": 1},
)
