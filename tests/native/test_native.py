"""The native tests, built and run: as they ship, with sanitizers, and for 64-bit ARM in qemu."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from inference.ops import library

TESTS = "mixline_native_tests"
ROOT = Path(__file__).resolve().parents[2]
CROSS_COMPILER = "aarch64-linux-gnu-g++"
EMULATOR = "qemu-aarch64"
ARM = (
    "-DCMAKE_SYSTEM_NAME=Linux",
    "-DCMAKE_SYSTEM_PROCESSOR=aarch64",
    f"-DCMAKE_CXX_COMPILER={CROSS_COMPILER}",
    "-DCMAKE_EXE_LINKER_FLAGS=-static",
)


@pytest.mark.parametrize("sanitizers", ["", "address;undefined"], ids=["release", "sanitized"])
def test_native(sanitizers: str) -> None:
    """Every micro-kernel of this machine agrees with the reference; the build has no warning."""
    tests = build("native-sanitized" if sanitizers else "native", sanitizers)

    output = run_step([tests])

    assert f"kernels: {', '.join(library.available_kernels())}\n" in output
    assert " 0 failed checks" in output


@pytest.fixture(scope="session")
def arm_tests() -> Path:
    """Return the tests built for 64-bit ARM; the operator library is built with them."""
    packages = {CROSS_COMPILER: "g++-aarch64-linux-gnu", EMULATOR: "qemu-user"}
    missing = [package for tool, package in packages.items() if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"64-bit ARM is tested where Debian's {' and '.join(missing)} are installed")
    return build("native-aarch64", "", ARM, also=["mixline_ops"])


@pytest.mark.parametrize(
    ("processor", "kernels"),
    [("max", "neon, portable"), ("cortex-a72", "portable")],
    ids=["with_dot_product", "without"],
)
def test_arm(processor: str, kernels: str, arm_tests: Path) -> None:
    """NEON kernels agree with the reference; a processor that lacks sdot runs without them."""
    output = run_step([EMULATOR, "-cpu", processor, arm_tests])

    assert f"kernels: {kernels}\n" in output
    assert " 0 failed checks" in output


def build(
    folder: str, sanitizers: str, options: Sequence[str] = (), also: Sequence[str] = ()
) -> Path:
    """Build the tests and `also` other targets; return the tests' program.

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
    run_step([cmake, "--build", target, "--target", TESTS, *also])
    return target / TESTS


def run_step(command: list[str | Path]) -> str:
    """Run one command; the failure shows what it printed."""
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "MIXLINE_ISA": ""}
    )
    assert done.returncode == 0, f"{command} gave {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout
