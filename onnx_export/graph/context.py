"""What every piece of the graph needs: where nodes go, what is exported, how it is stored."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference.manifest import Quantization
from onnx_export.arch.spec import DecoderSpec
from onnx_export.attention_plan import AttentionPlan
from onnx_export.checkpoint import Checkpoint
from onnx_export.graph.builder import GraphBuilder


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphContext:
    """One export's builder, model and precision."""

    builder: GraphBuilder
    spec: DecoderSpec
    checkpoint: Checkpoint
    plan: Quantization
    attention: AttentionPlan

    def read(self, name: str, *shape: int) -> npt.NDArray[np.float32]:
        """Read a weight of the checkpoint."""
        return self.checkpoint.read(name, shape)
