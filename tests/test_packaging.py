"""The wheel holds what a user needs and nothing else, and finds its parts without a checkout."""

import json
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


def run_unpacked(target: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command from an unpacked wheel, away from the checkout."""
    program = (
        "import sys; sys.path[:0] = sys.argv[1:3]; del sys.argv[1:3]\n"
        "from mixline.__main__ import main; sys.exit(main())"
    )
    # -S leaves out the hook of the editable install, which would win over any path.
    return subprocess.run(
        [
            *(sys.executable, "-S", "-P", "-c", program),
            *(str(target), sysconfig.get_path("purelib"), *words),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=target.parent,
        env={name: value for name, value in os.environ.items() if name != "MIXLINE_MODEL"},
        timeout=120,
    )


@pytest.fixture
def unpacked(wheel: Path, tmp_path: Path) -> Path:
    """Return a folder with the wheel's contents, beside it `sample.py`."""
    target = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(target)
    (tmp_path / "sample.py").write_text("import os\nimport ", encoding="utf-8")
    return target


def test_installed_wheel_completes(unpacked: Path) -> None:
    """It loads its own operator library and its own model."""
    done = run_unpacked(unpacked, "doctor", "--json")
    report = json.loads(done.stdout)
    completed = run_unpacked(unpacked, "complete", "sample.py:2:8")

    assert Path(report["operator_library"]).is_relative_to(unpacked)
    assert Path(report["model"]["path"]).is_relative_to(unpacked)
    assert completed.returncode == 0, completed.stderr
    assert "prompt tokens in" in completed.stdout


def test_without_the_operator_library_loading_fails_in_one_sentence(unpacked: Path) -> None:
    """Expert layers run on our operators alone: there is nothing to fall back to."""
    (library,) = (unpacked / "inference" / "ops").glob("libmixline_ops.*")
    library.unlink()
    done = run_unpacked(unpacked, "complete", "sample.py:2:8")

    assert done.returncode == 1
    assert "libmixline_ops" in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
