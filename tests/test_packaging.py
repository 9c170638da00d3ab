"""The wheel holds what a user needs and nothing else, and finds its parts without a checkout."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a wheel built from this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"),
            *("--no-build-isolation", "--wheel-dir", str(folder)),
            *("-C", f"build-dir={folder / 'build'}", str(ROOT)),
        ],
        check=True,
        cwd=folder,
    )
    (built,) = folder.glob("mixline-*.whl")
    return built


def test_one_wheel_per_platform_without_a_python_abi(wheel: Path) -> None:
    """The operator library is loaded by ONNX Runtime, so any Python 3 will do."""
    assert "-py3-none-" in wheel.name


def test_wheel_holds_library_and_model_but_no_sources(wheel: Path) -> None:
    """Operator library, shipped model and typing markers are in; C++ sources and tests are not."""
    names = zipfile.ZipFile(wheel).namelist()

    assert any(name.startswith("inference/ops/libmixline_ops.") for name in names)
    assert any(
        name.startswith("inference/models/") and name.endswith("weights.bin") for name in names
    )
    assert "inference/py.typed" in names
    assert not [name for name in names if name.endswith((".cc", ".h")) or "tests/" in name]


def test_installed_wheel_completes(wheel: Path, tmp_path: Path) -> None:
    """Unpacked into a folder, away from the checkout, it loads its own library and model."""
    target = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(target)
    sample = tmp_path / "sample.py"
    sample.write_text("import os\nimport ", encoding="utf-8")
    program = (
        "import sys; sys.path[:0] = sys.argv[1:3]; del sys.argv[1:3]\n"
        "from mixline.__main__ import main\n"
        "from inference.ops.library import library_path\n"
        "print(library_path()); sys.exit(main())"
    )
    site = sysconfig.get_path("purelib")
    # -S leaves out the hook of the editable install, which would win over any path.
    done = subprocess.run(
        [sys.executable, "-S", "-P", "-c", program, str(target), site, "complete", f"{sample}:2:8"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "MIXLINE_MODEL"},
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    assert str(target) in done.stdout
    assert "prompt tokens in" in done.stdout
