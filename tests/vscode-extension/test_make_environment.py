"""What the .vsix makes the server's environment with, run as the extension runs it.

Small wheels of our own stand for the real ones; `make e2e` takes those.
"""

import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PROGRAM = Path(__file__).parents[2] / "vscode-extension" / "server" / "make_environment.py"


def wheel(folder: Path, name: str, *needs: str, modules: tuple[str, ...] = ()) -> Path:
    """Write a wheel of empty modules."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    needed = "".join(f"Requires-Dist: {need}\n" for need in needs)
    files = {
        **{f"{module}.py": "" for module in modules},
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needed}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{file},,\n" for file in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(file, text)
    return path


@pytest.fixture(scope="module")
def program() -> ModuleType:
    """Return the program as a module."""
    spec = importlib.util.spec_from_file_location("make_environment", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """Return a folder of packages that pip's settings name."""
    folder = tmp_path / "index"
    folder.mkdir()
    wheel(folder, "onnxruntime")
    wheel(folder, "tokens")
    return folder


def pip_wheel(folder: Path) -> Path:
    """Write the pip of this environment as its wheel holds it."""
    (source,) = importlib.util.find_spec("pip").submodule_search_locations or ()
    path = folder / "pip.whl"
    if not path.exists():
        with zipfile.ZipFile(path, "w") as archive:
            for file in Path(source).rglob("*.p*"):
                archive.write(file, Path("pip") / file.relative_to(source))
    return path


def start(tmp_path: Path, index: Path, ours: Path) -> subprocess.Popen[str]:
    """Start the program with pip's own configuration set to the folder."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")}
    into = tmp_path / "storage" / "server-1"
    return subprocess.Popen(
        [
            *(sys.executable, "-I", str(PROGRAM), "--wheel", str(ours)),
            *("--pip", str(pip_wheel(tmp_path)), "--into", str(into)),
        ],
        env=environment
        | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index), "PIP_CONFIG_FILE": os.devnull},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def said_by(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    """Wait for the end; return what the extension hears."""
    assert process.stdout is not None
    assert process.stdin is not None
    said = [json.loads(line) for line in process.stdout]
    process.wait(60)
    process.stdin.close()
    process.stdout.close()
    return said


def test_an_environment_appears_whole(tmp_path: Path, index: Path) -> None:
    """With its packages, tried, and with progress that never goes back; the second run is short."""
    needs = ("onnxruntime-gpu>=1.0", "tokens>=1.0", 'nowhere>=1; extra == "train"')
    ours = wheel(tmp_path, "mixline", *needs, modules=("lsp_server", "inference"))
    (tmp_path / "storage" / "server-old").mkdir(parents=True)
    (tmp_path / "storage" / "partial-1").mkdir()
    said = said_by(start(tmp_path, index, ours))
    made = tmp_path / "storage" / "server-1"
    shares = [fact["share"] for fact in said if "share" in fact]
    installed = {path.name for path in made.glob("lib/python*/site-packages/*.dist-info")}

    assert said[-1] == {"made": str(made / "bin" / "python")}
    assert shares == sorted(shares)
    assert 0 <= shares[0] < shares[-1] < 1
    assert installed == {f"{name}-1.0.dist-info" for name in ("mixline", "onnxruntime", "tokens")}
    assert sorted(path.name for path in made.parent.iterdir()) == ["lock", "server-1"]
    assert said_by(start(tmp_path, index, ours)) == [{"made": str(made / "bin" / "python")}]


@pytest.mark.parametrize(
    ("needs", "modules", "reason"),
    [
        (("onnxruntime", "nowhere"), ("lsp_server", "inference"), "nowhere"),
        (("onnxruntime",), ("lsp_server",), "No module named 'inference'"),
        (("tokens",), (), "expected mixline-1.0-py3-none-any.whl to need onnxruntime"),
    ],
)
def test_a_failure_is_told_and_leaves_nothing(
    tmp_path: Path, index: Path, needs: tuple[str, ...], modules: tuple[str, ...], reason: str
) -> None:
    """A package that is not there; a server that does not start; a wheel that is none of ours."""
    ours = wheel(tmp_path, "mixline", *needs, modules=modules)
    process = start(tmp_path, index, ours)
    said = said_by(process)

    assert process.returncode == 1
    assert reason in said[-1]["error"]
    assert [path.name for path in (tmp_path / "storage").iterdir()] == ["lock"]


def test_when_the_editor_is_gone_everything_is_taken_back(tmp_path: Path, index: Path) -> None:
    """In the middle of pip's work."""
    ours = wheel(tmp_path, "mixline", "onnxruntime", modules=("lsp_server", "inference"))
    process = start(tmp_path, index, ours)
    assert process.stdin is not None
    assert process.stdout is not None
    while "log" not in json.loads(process.stdout.readline()):
        pass
    process.stdin.close()
    process.wait(60)
    process.stdout.close()

    assert process.returncode == 1
    assert [path.name for path in (tmp_path / "storage").iterdir()] == ["lock"]


@pytest.mark.parametrize("gpu", [False, True])
def test_there_is_one_runtime_and_the_plain_one_is_the_rule(
    program: ModuleType, tmp_path: Path, *, gpu: bool
) -> None:
    """Whatever the wheel asks for on this platform; requirements of extras are none of ours."""
    ours = wheel(
        tmp_path,
        "mixline",
        "onnxruntime-gpu>=1.23 ; sys_platform == 'linux'",
        "onnxruntime>=1.23 ; sys_platform != 'linux'",
        "onnxruntime-genai-like>=2",
        "numpy>=2.0",
        "torch; extra == 'train'",
    )
    runtime = "onnxruntime-gpu>=1.23" if gpu else "onnxruntime>=1.23"

    needed = program.requirements(ours, gpu=gpu)
    assert needed == [runtime, "onnxruntime-genai-like>=2", "numpy>=2.0"]


def test_what_pip_says_of_no_network(program: ModuleType) -> None:
    """The user gets one sentence in place of five warnings."""
    lines = [
        "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError'",
        "ERROR: Could not find a version that satisfies the requirement numpy",
    ]

    assert program.reason(lines) == "the package index cannot be reached"
    assert program.reason(lines[1:]).startswith("Could not find a version")


def test_an_environment_without_its_python_is_not_used(program: ModuleType, tmp_path: Path) -> None:
    """Debian's next release has another version, which does not find the packages."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    ready = tmp_path / "ready.json"
    ready.write_text(json.dumps({"interpreter": os.path.realpath(sys.executable)}), "utf-8")
    assert program.interpreter_of(tmp_path) == str(tmp_path / "bin" / "python")

    ready.write_text(json.dumps({"interpreter": "/usr/bin/python3.99"}), "utf-8")
    assert program.interpreter_of(tmp_path) is None
