"""Nothing of what a user does is collected: ONNX Runtime's telemetry never starts."""

import os
import subprocess
import sys
from pathlib import Path


def test_the_runtime_keeps_no_telemetry(tmp_path: Path) -> None:
    """Importing it writes nothing into the user's folders, whatever the environment said before."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "ORT_"))
    }
    subprocess.run(
        [sys.executable, "-P", "-c", "import inference, time; time.sleep(1)"],
        check=True,
        timeout=120,
        env={**environment, "HOME": str(tmp_path), "ORT_DISABLE_TELEMETRY": "0"},
    )

    assert list(tmp_path.rglob("*")) == []
