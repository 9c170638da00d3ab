"""Building the native tests' targets with CMake."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = "mixline_native_tests"


def build(
    folder: str,
    sanitizers: str = "",
    options: Sequence[str] = (),
    targets: Sequence[str] = (TESTS,),
) -> Path:
    """Build some targets of the tests; return the folder where they are.

    The folder is kept between runs, so that only what changed is compiled again.
    """
    cmake = shutil.which("cmake")
    assert cmake, "cmake is a build dependency; `pip install cmake ninja`"
    target = ROOT / "build" / folder
    run_step(
        [
            *[cmake, "-S", ROOT, "-B", target, "-G", "Ninja", "-DMIXLINE_TESTS=ON"],
            f"-DMIXLINE_SANITIZE={sanitizers}",
            f"-DCMAKE_BUILD_TYPE={'Debug' if sanitizers else 'Release'}",
            f"-DCMAKE_CXX_FLAGS=-Werror {'-O1' if sanitizers else ''}",
            *options,
        ]
    )
    run_step([cmake, "--build", target, "--target", *targets])
    return target


def run_step(command: list[str | Path]) -> str:
    """Run one command; the failure shows what it printed."""
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "MIXLINE_ISA": ""}
    )
    assert done.returncode == 0, f"{command} gave {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout
