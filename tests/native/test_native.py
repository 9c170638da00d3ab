"""The native tests, built and run: as they ship, with sanitizers, and for 64-bit ARM in qemu."""

import shutil
from pathlib import Path

import pytest

from inference.ops import library
from tests.native.building import TESTS, build, run_step

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
    tests = build("native-sanitized" if sanitizers else "native", sanitizers) / TESTS

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
    return build("native-aarch64", "", ARM, [TESTS, "mixline_ops"]) / TESTS


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
