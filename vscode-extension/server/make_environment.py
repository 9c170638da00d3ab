"""Makes the server's private environment from the wheel beside it, with the standard library alone.

    python3 -I make_environment.py --wheel MIXLINE.whl --pip PIP.whl --into FOLDER [--gpu]

Debian's `python3` has `venv` but neither `ensurepip` nor pip, so pip runs from its own wheel. It
takes what Mixline needs from where the user's own configuration of pip says. FOLDER appears whole
or not at all. On stdout stand JSON objects, one a line: {"stage", "share"}, {"log"} and at last
{"made"} or {"error"}. When stdin ends, whoever wanted it is gone and everything is taken back.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import venv
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path
from types import SimpleNamespace

LEAST_PYTHON = (3, 11)
READY = "ready.json"
PARTIAL = "partial-"
RUNTIME = re.compile(r"onnxruntime(?:-gpu)?(?![\w-])\s*(?P<version>[^;]*)")
# Those would install somewhere else than into the environment.
NOT_FOR_PIP = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PYTHONHOME", "PYTHONPATH")
# What was measured for the shipped dependencies (docs/vscode.md); they only scale the progress.
PACKAGES, BYTES = 39, 57_000_000
BYTES_GPU = 285_000_000
DOWNLOADED, INSTALLED = 0.8, 0.95  # shares of the whole


class SetUpError(Exception):
    """The environment cannot be made; says why, for the user."""


def say(**fact: object) -> None:
    """Tell the extension something."""
    print(json.dumps(fact), flush=True)  # noqa: T201 - the protocol


def requirements(wheel: Path, *, gpu: bool) -> list[str]:
    """Return what the wheel needs, with one ONNX Runtime: the plain one unless there is a GPU.

    Both distributions have the same import name, and the wheel asks for one of them by platform.
    """
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", n))
        metadata = Parser().parsestr(archive.read(name).decode("utf-8"))
    needed = [line for line in metadata.get_all("Requires-Dist") or () if "extra ==" not in line]
    runtimes = [match for line in needed if (match := RUNTIME.match(line))]
    if not runtimes:
        raise SetUpError(f"expected {wheel.name} to need onnxruntime, it does not")
    runtime = "onnxruntime-gpu" if gpu else "onnxruntime"
    others = [line for line in needed if not RUNTIME.match(line)]
    return [runtime + runtimes[0]["version"].strip(), *others]


class Progress:
    """Reads what pip prints and says how far it is."""

    def __init__(self, *, total_bytes: int) -> None:
        self._total = total_bytes
        self._done = 0
        self._current = 0
        self._packages = 0
        self._said = ""
        self._is_wheel = False
        self._stage = "looking for the packages"

    def line(self, text: str) -> None:
        """Take one line of pip's output."""
        if match := re.match(r"Progress (\d+) of (\d+)", text):
            if self._is_wheel:
                self._current = int(match[1])
        else:
            say(log=text)
            self._other(text)
        share = max(self._packages / PACKAGES, (self._done + self._current) / self._total)
        self._say(self._stage, DOWNLOADED * min(1.0, share))

    def _other(self, text: str) -> None:
        if match := re.match(r"\s+(Downloading|Using cached) (\S+)(?: \((.*)\))?", text):
            self._done += self._current
            self._current = 0
            file = match[2].rpartition("/")[2]
            self._is_wheel = file.endswith(".whl")
            if self._is_wheel:
                size = f" ({match[3]})" if match[3] else ""
                self._stage = f"{match[1].lower()} {file.partition('-')[0]}{size}"
        elif re.match(r"(Collecting|Processing) ", text):
            self._packages += 1
        elif text.startswith("Installing collected packages"):
            self._stage = "installing"
            self._packages = PACKAGES

    def _say(self, stage: str, share: float) -> None:
        said = f"{stage} {share:.2f}"
        if said != self._said:
            say(stage=stage, share=round(share, 3))
        self._said = said


class Maker:
    """One run; `give_up` may come from another thread."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._wheel: Path = arguments.wheel
        self._pip: Path = arguments.pip
        self._into: Path = arguments.into
        self._gpu: bool = arguments.gpu
        self._partial = self._into.parent / f"{PARTIAL}{os.getpid()}"
        self._child: subprocess.Popen[str] | None = None

    def make(self) -> None:
        """Make the environment, or leave nothing behind."""
        self._into.parent.mkdir(parents=True, exist_ok=True)
        with only_one(self._into.parent / "lock"):
            if interpreter_of(self._into) is not None:
                return  # another window was faster
            for left in self._into.parent.glob(f"{PARTIAL}*"):
                shutil.rmtree(left)
            try:
                self._fill()
            except BaseException:
                shutil.rmtree(self._partial, ignore_errors=True)
                raise
            for old in self._into.parent.glob("server-*"):
                shutil.rmtree(old, ignore_errors=True)
            self._partial.rename(self._into)

    def give_up(self) -> None:
        """End at once, without a trace."""
        if self._child is not None:
            with contextlib.suppress(OSError):
                os.killpg(self._child.pid, signal.SIGKILL)
        shutil.rmtree(self._partial, ignore_errors=True)
        os._exit(1)

    def _fill(self) -> None:
        say(stage="making an environment", share=0.0)
        context = _Environment(symlinks=True, with_pip=False).create_at(self._partial)
        python = Path(context.env_exe)
        listed = self._partial / "requirements.txt"
        listed.write_text("\n".join(requirements(self._wheel, gpu=self._gpu)), encoding="utf-8")
        progress = Progress(total_bytes=BYTES_GPU if self._gpu else BYTES)
        self._install(python, progress, "--requirement", str(listed))
        self._install(python, progress, "--no-deps", "--no-index", str(self._wheel))
        say(stage="trying it", share=INSTALLED)
        # Compiles what it imports, too, which the first start would otherwise have to do.
        self._run([str(python), "-I", "-c", "import lsp_server, inference"], lambda _: None)
        ready = {"interpreter": os.path.realpath(python)}
        (self._partial / READY).write_text(json.dumps(ready), encoding="utf-8")

    def _install(self, python: Path, progress: Progress, *what: str) -> None:
        options = ["--no-input", "--no-user", "--disable-pip-version-check"]
        # From wheels alone, nothing that is installed runs code of its own, or needs a compiler.
        options += ["--only-binary=:all:", "--no-compile", "--progress-bar=raw"]
        pip = [str(python), "-I", "-u", str(self._pip / "pip"), "install", *options, *what]
        self._run(pip, progress.line)

    def _run(self, command: list[str], each: object) -> None:
        environment = {k: v for k, v in os.environ.items() if k not in NOT_FOR_PIP}
        self._child = subprocess.Popen(  # noqa: S603 - our own interpreter
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=environment,
            cwd=self._partial,
            start_new_session=True,
        )
        lines = []
        for line in self._child.stdout or ():
            lines.append(line.rstrip())
            each(line.rstrip())  # type: ignore[operator]
        if self._child.wait() != 0:
            raise SetUpError(reason(lines))


class _Environment(venv.EnvBuilder):
    def create_at(self, folder: Path) -> SimpleNamespace:
        self.create(folder)
        return self._context

    def post_setup(self, context: SimpleNamespace) -> None:
        self._context = context


def reason(lines: list[str]) -> str:
    """Return what of a failed program's output tells the user most."""
    errors = [line.partition("ERROR: ")[2] for line in lines if line.startswith("ERROR: ")]
    network = next((line for line in lines if "Retrying" in line or "connection" in line), None)
    if network is not None:
        return "the package index cannot be reached"
    return errors[0] if errors else next(filter(None, reversed(lines)), "no output")


def interpreter_of(folder: Path) -> str | None:
    """Return the interpreter of a whole environment that still works."""
    python = folder / "bin" / "python"
    with contextlib.suppress(OSError, ValueError, KeyError):
        made_with = json.loads((folder / READY).read_text(encoding="utf-8"))["interpreter"]
        if made_with == os.path.realpath(python) and os.access(python, os.X_OK):
            return str(python)
    return None


@contextlib.contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Wait until no other window makes an environment."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(stage="waiting for another window", share=0.0)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Run; returns the exit status."""
    parser = argparse.ArgumentParser()
    for name in ("--wheel", "--pip", "--into"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--gpu", action="store_true")
    arguments = parser.parse_args()
    if sys.version_info < LEAST_PYTHON:
        found = ".".join(map(str, sys.version_info[:2]))
        say(error=f"expected Python 3.11 or newer, found {found} ({sys.executable})")
        return 1
    maker = Maker(arguments)

    def wait_for_the_end() -> None:
        while os.read(0, 1024):  # not sys.stdin, whose lock would be held when Python ends
            pass
        maker.give_up()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    try:
        maker.make()
    except (SetUpError, OSError, zipfile.BadZipFile) as error:
        say(error=str(error))
        return 1
    say(made=interpreter_of(arguments.into))
    return 0


if __name__ == "__main__":
    sys.exit(main())
