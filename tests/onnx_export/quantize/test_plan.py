"""Each value of `--weights` has a plan, or a sentence why not."""

import pytest

from onnx_export.errors import UnsupportedError
from onnx_export.quantize.plan import PLANS, plan


def test_embeddings_never_take_four_bits() -> None:
    """The table that is gathered row by row stays at 8 bits or more in every plan."""
    assert {chosen.embedding for chosen in PLANS.values()} == {"int8", "f32"}
    assert plan("int4").experts == "int4"


@pytest.mark.parametrize(("weights", "hint"), [("fp16", "use fp32"), ("int3", "int4, int8, fp32")])
def test_unknown_precision(weights: str, hint: str) -> None:
    """The error lists what there is."""
    with pytest.raises(UnsupportedError, match=hint):
        plan(weights)
