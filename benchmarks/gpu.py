"""The CUDA operators on this machine's GPU: correct, how fast, and of what that is which share.

    python benchmarks/gpu.py [--library FILE] [--json FILE] [--minutes M] [--shapes NAME...]
                             [--tokens N...] [--weights FORMAT...] [--no-decode]
    python benchmarks/gpu.py --rehearse FILE     # without a GPU, see below

First every shape is checked on random tokens against double precision; a relative error of 1e-2 or
more ends the run. Then limits, times by CUDA events in CUDA graphs, ONNX Runtime's QMoE where its
package is here, and last a whole model's decoding. What the minutes do not suffice for is listed as
not run. numpy and torch have to be here, ONNX Runtime need not.

--rehearse takes tests/native's libmixline_ops_fake_gpu.so and does all but ONNX Runtime's part with
small shapes in plain memory: nothing has to be tried out on a GPU's time.

Exit status: 0 measured; 1 a result is wrong, or something failed; 2 wrong usage; 3 nothing was run,
as there is no GPU, no torch or no library of CUDA operators.
"""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
HAS_ONNXRUNTIME: Final = importlib.util.find_spec("onnxruntime") is not None

sys.path.insert(0, str(ROOT))
if not HAS_ONNXRUNTIME:
    # The operators' own modules want numpy alone, the package's front door what an engine does.
    front_door = ModuleType("inference")
    front_door.__path__ = [str(ROOT / "inference")]
    sys.modules["inference"] = front_door

from evaluation.gpu.bench import run  # noqa: E402 - behind what makes it importable

if __name__ == "__main__":
    make_peer = None
    if HAS_ONNXRUNTIME:
        from gpu_qmoe import QMoe

        make_peer = QMoe
    sys.exit(run(sys.argv[1:], (__doc__ or "").partition("\n")[0], make_peer))
