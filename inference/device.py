"""What runs a graph, and in whose memory its caches are."""

from dataclasses import dataclass
from typing import Final

CPU_PROVIDER: Final = "CPUExecutionProvider"
CUDA_PROVIDER: Final = "CUDAExecutionProvider"


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What runs the graph, and where its caches are."""

    provider: str = CPU_PROVIDER
    memory: str = "cpu"  # as ONNX Runtime calls it
    # Whether that is not the processor's own: caches are made there, and an input is copied there
    # when it is bound, so that changing it in place afterwards has no effect.
    is_remote: bool = False
    resident_bytes: int = 0  # of experts that stay there; 0: all


CPU: Final = Device()


def cuda_device(resident_bytes: int) -> Device:
    """Return the first GPU, with so many bytes of experts kept in its memory; 0: all of them."""
    return Device(
        provider=CUDA_PROVIDER, memory="cuda", is_remote=True, resident_bytes=resident_bytes
    )
