"""The native tests, built and run: as they ship, and with address and undefined checks."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("sanitizers", ["", "address;undefined"], ids=["release", "sanitized"])
def test_native(sanitizers: str) -> None:
    """Every micro-kernel of this machine agrees with the reference; the build has no warning."""
    cmake = shutil.which("cmake")
    assert cmake, "cmake is a build dependency; `pip install cmake ninja`"
    # Kept between runs, so that only what changed is compiled again.
    build = ROOT / "build" / ("native-sanitized" if sanitizers else "native")
    configure = [
        *[cmake, "-S", ROOT, "-B", build, "-G", "Ninja", "-DMIXLINE_TESTS=ON"],
        f"-DMIXLINE_SANITIZE={sanitizers}",
        f"-DCMAKE_BUILD_TYPE={'Debug' if sanitizers else 'Release'}",
        f"-DCMAKE_CXX_FLAGS=-Werror {'-O1' if sanitizers else ''}",
    ]
    run_step(configure)
    run_step([cmake, "--build", build, "--target", "mixline_native_tests"])

    output = run_step([build / "mixline_native_tests"])

    assert "0 failed checks" in output


def run_step(command: list[str | Path]) -> str:
    """Run one command; the failure shows what it printed."""
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "MIXLINE_ISA": ""}
    )
    assert done.returncode == 0, f"{command} gave {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout
