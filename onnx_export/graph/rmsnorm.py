"""Root-mean-square normalisation, alone or fused with the residual sum before it."""

import numpy as np
import numpy.typing as npt

from onnx_export.graph.context import GraphContext


def rmsnorm(
    context: GraphContext, name: str, x: str, weight: npt.NDArray[np.float32], epsilon: float
) -> str:
    """Return ``x`` normalised over its last axis and scaled by ``weight``."""
    return context.builder.node(
        "SimplifiedLayerNormalization",
        name,
        [x, context.builder.array(f"{name}.weight", weight)],
        axis=-1,
        epsilon=epsilon,
        stash_type=1,
    )


def residual_rmsnorm(
    context: GraphContext, name: str, x: str, branch: str, weight: npt.NDArray[np.float32]
) -> tuple[str, str]:
    """Return ``x + branch`` normalised, and the sum itself; both ``[n, hidden]``."""
    total = f"{name}.residual"
    normed = context.builder.node(
        "SkipSimplifiedLayerNormalization",
        name,
        [x, branch, context.builder.array(f"{name}.weight", weight)],
        [name, "", "", total],
        domain="com.microsoft",
        epsilon=context.spec.norm_eps,
    )
    return normed, total
