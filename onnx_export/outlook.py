"""What exports of a configuration would take, before anything is read or written."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from inference.sizes import ModelSizes
from onnx_export.arch import read_spec
from onnx_export.attention_plan import attention_plan
from onnx_export.parameters import active_parameters, estimated_sizes, total_parameters
from onnx_export.quantize.plan import PLANS, kept_as_stored
from onnx_export.source import open_config

WEIGHTS: Final = ("int4", "int8", "fp32")  # values of `--weights`; keep is as large as fp32


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """Counts of a configuration, and sizes of its export for each of `WEIGHTS`."""

    model_type: str
    layers: int
    experts: int
    experts_per_token: int
    total_parameters: int
    active_parameters: int
    context: int
    sizes: Mapping[str, ModelSizes]


def outlook(named: Path) -> Outlook:
    """Read the `config.json` of a checkpoint's folder or a preset; weights need not be there.

    Raises:
        CheckpointError: missing or damaged.
        UnsupportedError: an architecture or a key that is not known.
    """
    spec = read_spec(open_config(named))
    return Outlook(
        model_type=spec.model_type,
        layers=len(spec.layers),
        experts=spec.experts,
        experts_per_token=spec.experts_per_token,
        total_parameters=total_parameters(spec),
        active_parameters=active_parameters(spec),
        context=spec.context,
        sizes={
            weights: estimated_sizes(
                spec,
                kept_as_stored(PLANS[weights], spec, weights),
                attention_plan(spec, "auto", "auto", exact=weights == "fp32"),
            )
            for weights in WEIGHTS
        },
    )
