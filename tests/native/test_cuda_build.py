"""Whether a build has the CUDA operators: by the nvcc that it finds."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.native.building import ROOT

OLD = "#!/bin/sh\necho 'Cuda compilation tools, release 12.9, V12.9.86'\n"


def configure(folder: Path, mode: str) -> subprocess.CompletedProcess[str]:
    """Configure a build that finds an nvcc of CUDA 12 first."""
    tools = folder / "bin"
    tools.mkdir()
    nvcc = tools / "nvcc"
    nvcc.write_text(OLD, encoding="utf-8")
    nvcc.chmod(0o755)
    cmake = shutil.which("cmake")
    assert cmake, "cmake is a build dependency; `pip install cmake ninja`"
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [
            *[cmake, "-S", str(ROOT), "-B", str(folder / "build"), "-G", "Ninja"],
            f"-DMIXLINE_CUDA={mode}",
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": path},
    )


def test_an_nvcc_that_is_too_old_is_as_good_as_none(tmp_path: Path) -> None:
    """A wheel is built without them, and says so."""
    done = configure(tmp_path, "AUTO")

    assert done.returncode == 0, done.stderr
    assert "CUDA operators: left out" in done.stdout
    assert "is not of CUDA 13 or later" in done.stdout


def test_whoever_asks_for_them_hears_what_is_missing(tmp_path: Path) -> None:
    """Expected, found and what to do."""
    done = configure(tmp_path, "ON")

    assert done.returncode != 0
    for told in ("expected nvcc of CUDA 13 or later", "release 12.9", "-DMIXLINE_CUDA=OFF"):
        assert told in " ".join(done.stderr.split())
