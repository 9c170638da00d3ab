"""The example of docs/operators.md runs as it stands there."""

from pathlib import Path
from typing import Any

import numpy as np

from tests.reference.expert_ffn import Experts, quantised_expert_ffn
from tests.reference.expert_router import Router

PAGE = Path(__file__).resolve().parents[3] / "docs" / "operators.md"


def test_the_example_computes_what_the_page_says() -> None:
    """Its y is the specification's, for the router and the experts together."""
    (example,) = PAGE.read_text("utf-8").split("```python\n")[1:]
    names: dict[str, Any] = {}

    exec(example.split("```")[0], names)  # noqa: S102 - our own page

    layout = names["layout"]
    weights = [
        layout.dequantize(*layout.quantize(names[name], "int4", 32), 32).astype(np.float64)
        for name in ("gate", "up", "down")
    ]
    experts = Experts(gate=weights[0], up=weights[1], down=weights[2])
    expected = quantised_expert_ffn(
        experts, names["x"], *Router(k=2, normalize=1).route(names["logits"])
    )
    np.testing.assert_allclose(names["y"], expected, rtol=1e-4, atol=1e-6)
