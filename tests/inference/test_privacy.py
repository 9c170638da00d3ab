"""Nothing of what a user does is collected, and a model brings no code of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from inference.ops.library import LIBRARY_NAME, library_path


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


LOADED = """
import sys
from pathlib import Path
from inference import CompletionRequest, Engine
from inference.ops.library import library_path
with Engine.open(Path(sys.argv[1])) as engine:
    request = CompletionRequest(document="a", path="a.py", prefix="def f(", suffix="")
    assert engine.submit(request).future.result(100).text is not None
maps = [line.split(maxsplit=5) for line in open("/proc/self/maps")]
code = {entry[5].strip() for entry in maps if "x" in entry[1] and "/" in entry[-1]}
print(library_path(), *sorted(code), sep="\\n")
"""


def test_only_the_bundled_operators_are_loaded(tiny_model: Path, tmp_path: Path) -> None:
    """Libraries of their name in the model directory and where the program stands are left alone.

    They are sound ones, which would work as well.
    """
    model = shutil.copytree(tiny_model, tmp_path / "model")
    (tmp_path / "inference" / "ops").mkdir(parents=True)
    for folder in (model, tmp_path, tmp_path / "inference" / "ops"):
        shutil.copy(library_path(), folder / LIBRARY_NAME)
    done = subprocess.run(
        [sys.executable, "-P", "-c", LOADED, str(model)],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
    )
    bundled, *loaded = done.stdout.splitlines()

    assert [path for path in loaded if Path(path).name == LIBRARY_NAME] == [bundled]
    assert not [path for path in loaded if path.startswith(str(tmp_path))]
