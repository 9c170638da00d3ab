"""Cases for CachedAttention: any heads, windows, lengths; caches continued in place or copied."""

import numpy as np

from tests.fuzz.harness import Array, Case, reshape_randomly
from tests.reference.cached_attention import BLOCK, Attention

# T tokens, H heads, G key/value heads, D head dim, C capacity, P past positions, R rotary pairs

PAST = ("past_key", "past_value", "past_key_scale", "past_value_scale")
UNTOUCHED = 7e33
TOLERANCE = {"f32": 1e-4, "int8": 2e-2}  # of a token's norm


class AttentionRound:
    """One CachedAttention node."""

    op = "CachedAttention"

    def __init__(self, rng: np.random.Generator) -> None:
        self._format = str(rng.choice(["f32", "int8"]))
        self._groups = int(rng.integers(1, 4))
        self._heads = self._groups * int(rng.integers(1, 9))
        self._dim = (32 if self._format == "int8" else 16) * int(rng.integers(1, 5))
        self._window = int(rng.choice([0, 0, 1, 2, 7, 33]))
        self._scale = float(np.float32(rng.uniform(0.01, 1)))
        self.attributes: dict[str, int | float | str] = {
            "num_heads": self._heads,
            "kv_heads": self._groups,
            "head_dim": self._dim,
            "window": self._window,
            "scale": self._scale,
            "kv_format": self._format,
        }
        self.refused = rng.random() < 0.15
        if self.refused:
            self.attributes |= WRONG[rng.integers(0, len(WRONG))]
        self._rotary, self._sinks = rng.random(2) < 0.5
        int8 = self._format == "int8"
        cache, scale = "int8" if int8 else "float32", "float32" if int8 else ""
        turning = "float32" if self._rotary else ""
        self.inputs = {
            **dict.fromkeys(("query", "key", "value"), "float32"),
            **dict.fromkeys(PAST[:2], cache),
            "past_len": "int32",
            **dict.fromkeys(("cosines", "sines"), turning),
            "sinks": "float32" if self._sinks else "",
            **dict.fromkeys(PAST[2:], scale),
        }
        self.outputs = {"y": "float32", "present_key": cache, "present_value": cache}
        if int8:
            self.outputs |= dict.fromkeys(("present_key_scale", "present_value_scale"), "float32")

    def case(self, rng: np.random.Generator) -> Case:
        """Draw lengths, tokens and a cache, sometimes wrong ones."""
        feeds = self._feeds(rng)
        exact = rng.random() < 0.15 and len(feeds["query"]) < 8
        if rng.random() < 0.3:
            self._break(feeds, rng)
            exact = False
        refused = self._wrong(feeds)
        shape = (0, 0) if refused else feeds["query"].shape
        outputs: dict[str, Array] = {"y": np.full(shape, UNTOUCHED, np.float32)}
        for name in self.outputs:
            if name != "y":
                outputs[name] = np.zeros_like(feeds[name.replace("present", "past")])
        in_place = bool(rng.random() < 0.5)
        aliases = {name: name.replace("present", "past") for name in outputs if name != "y"}
        return Case(
            feeds=feeds,
            outputs=outputs,
            refused=refused,
            aliases=aliases if in_place else {},
            check=lambda made: self._check(feeds, made, exact=exact),
        )

    def _feeds(self, rng: np.random.Generator) -> dict[str, Array]:
        tokens = int(rng.choice([0, 1, 1, 1, 2, 3, 7, 31, 70], p=[0.04, *[0.12] * 8]))
        past = int(rng.choice([0, 0, 1, 5, 31, 32, 33, 150]))
        capacity = past + tokens + int(rng.choice([0, 0, 1, 40]))

        def normal(*shape: int) -> Array:
            return rng.standard_normal(shape, dtype=np.float32)

        def cache(dim: int) -> Array:
            """Return a cache that is no number where nothing may be read."""
            values = normal(1, self._groups, capacity, dim)
            values[:, :, past:] = np.nan
            return values

        feeds: dict[str, Array] = {
            "query": normal(tokens, self._heads * self._dim),
            "key": normal(tokens, self._groups * self._dim),
            "value": normal(tokens, self._groups * self._dim),
            "past_len": np.array(past, np.int32),
        }
        for name in PAST[:2]:
            if self._format == "int8":
                shape = (1, self._groups, capacity, self._dim)
                feeds[name] = rng.integers(-127, 128, shape, dtype=np.int8)
                feeds[f"{name}_scale"] = np.abs(cache(self._dim // BLOCK)) / np.float32(127)
            else:
                feeds[name] = cache(self._dim)
        if self._rotary:
            positions = past + tokens + int(rng.integers(0, 3))
            angles = rng.uniform(0, 7, (positions, int(rng.integers(1, self._dim // 2 + 1))))
            feeds["cosines"] = np.cos(angles).astype(np.float32)
            feeds["sines"] = np.sin(angles).astype(np.float32)
        if self._sinks:
            feeds["sinks"] = normal(self._heads)
        return feeds

    def _break(self, feeds: dict[str, Array], rng: np.random.Generator) -> None:
        if rng.random() < 0.3:
            room = feeds["past_key"].shape[2] - len(feeds["query"])
            bad = rng.choice(np.array([-1, room + 1, 2**31 - 1, -(2**31)]))
            feeds["past_len"] = np.array(bad, np.int32)
            return
        name = str(rng.choice(list(feeds)))
        feeds[name] = reshape_randomly(feeds[name], rng)

    def _wrong(self, feeds: dict[str, Array]) -> bool:
        """Say whether the documented rules forbid the call."""
        query, past_key, past_len = feeds["query"], feeds["past_key"], feeds["past_len"]
        if query.ndim != 2 or past_key.ndim != 4 or past_len.shape not in {(), (1,)}:
            return True
        tokens, capacity = query.shape[0], past_key.shape[2]
        cache = (1, self._groups, capacity)
        expected = {
            "query": (tokens, self._heads * self._dim),
            "key": (tokens, self._groups * self._dim),
            "value": (tokens, self._groups * self._dim),
            **dict.fromkeys(PAST[:2], (*cache, self._dim)),
            **dict.fromkeys(PAST[2:], (*cache, self._dim // BLOCK)),
            "sinks": (self._heads,),
        }
        if any(feeds[name].shape != shape for name, shape in expected.items() if name in feeds):
            return True
        end = int(past_len.reshape(())) + tokens
        if not tokens <= end <= capacity:
            return True
        if not self._rotary:
            return False
        cosines = feeds["cosines"]
        return (
            cosines.ndim != 2
            or cosines.shape != feeds["sines"].shape
            or cosines.shape[0] < end
            or not 1 <= cosines.shape[1] <= self._dim // 2
        )

    def _check(self, feeds: dict[str, Array], made: dict[str, Array], *, exact: bool) -> str:
        past = int(feeds["past_len"].reshape(()))
        end = past + len(feeds["query"])
        if not (np.isfinite(made["y"]).all() and (made["y"] != np.float32(UNTOUCHED)).all()):
            return "y has a value that is not finite or was not written"
        for name, array in made.items():
            if name == "y":
                continue
            before = feeds[name.replace("present", "past")]
            if array[:, :, :past].tobytes() != before[:, :, :past].tobytes():
                return f"{name}: a past position was changed"
            if not np.isfinite(array[:, :, past:end]).all():
                return f"{name}: a new position was not written"
        if not exact or end == past:
            return ""
        expected = self._expected(feeds, past)
        error = np.linalg.norm(made["y"] - expected, axis=1)
        norm = np.linalg.norm(expected, axis=1)
        if (error > TOLERANCE[self._format] * norm + 1e-5).any():
            return f"y is off by {error.tolist()} of {norm.tolist()}"
        return ""

    def _expected(self, feeds: dict[str, Array], past: int) -> Array:
        attention = Attention(
            num_heads=self._heads,
            kv_heads=self._groups,
            head_dim=self._dim,
            scale=self._scale,
            window=self._window,
            int8=self._format == "int8",
            cosines=feeds.get("cosines"),
            sines=feeds.get("sines"),
            sinks=feeds.get("sinks"),
        )

        def held(name: str) -> Array:
            values = feeds[name][0, :, :past].astype(np.float64)
            if self._format == "int8":
                values *= np.repeat(feeds[f"{name}_scale"][0, :, :past], BLOCK, axis=-1)
            return values.swapaxes(0, 1)

        keys = np.concatenate([held("past_key"), attention.keys(feeds["key"], past)])
        values = np.concatenate([held("past_value"), attention.values(feeds["value"])])
        return attention.attend(feeds["query"], keys, values)


WRONG: tuple[dict[str, int | float | str], ...] = (
    {"num_heads": 0},
    {"num_heads": -4},
    {"num_heads": 2**40},
    {"kv_heads": 0},
    {"kv_heads": 999},
    {"head_dim": 0},
    {"head_dim": 24},
    {"head_dim": -32},
    {"head_dim": 2**62},
    {"window": -1},
    {"window": 2**62},
    {"kv_format": "int4"},
    {"scale": 1},
)
