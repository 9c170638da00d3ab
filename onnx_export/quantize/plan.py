"""Which matrix gets how many bits, for each value of `--weights`."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from inference.manifest import Quantization
from onnx_export.arch.spec import DecoderSpec
from onnx_export.errors import UnsupportedError

BLOCK: Final = 32  # inputs that share one scale

# Router weights and norms stay f32 in every plan. The embedding is read row by row and, when tied,
# as the head too: 8 bits keep its rows apart where 4 bits do not.
PLANS: Final[Mapping[str, Quantization]] = MappingProxyType(
    {
        "int4": Quantization(experts="int4", dense="int4", embedding="int8", block=BLOCK),
        "int8": Quantization(experts="int8", dense="int8", embedding="int8", block=BLOCK),
        "fp32": Quantization(experts="f32", dense="f32", embedding="f32", block=BLOCK),
        # bf16 and f16 are subsets of f32: widened, the checkpoint's own values are kept exactly.
        "keep": Quantization(experts="f32", dense="f32", embedding="f32", block=BLOCK),
    }
)


def plan(weights: str) -> Quantization:
    """Return the plan for a value of `--weights`.

    Raises:
        UnsupportedError: there is none of that name.
    """
    if weights not in PLANS:
        raise UnsupportedError(
            f"expected weights to be one of {', '.join(PLANS)}, found {weights!r}"
            + ("; the CPU operators compute in f32, use fp32" if weights == "fp16" else "")
        )
    return PLANS[weights]


def kept_as_stored(chosen: Quantization, spec: DecoderSpec, weights: str) -> Quantization:
    """Return the plan with MXFP4 experts passed through where the checkpoint stores such.

    They have 4 bits already: rounding them to int4 would lose something, int8 would gain nothing.
    """
    return replace(chosen, experts="mxfp4") if spec.has_mxfp4 and weights != "fp32" else chosen
