"""A whole session on a borrowed machine, rehearsed on the CPU with a tiny model."""

import json
import os
import signal
import subprocess
import sys
import sysconfig
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from inference import CompletionRequest, Engine  # noqa: E402 - torch first
from onnx_export import export_checkpoint as export_model  # noqa: E402
from training.commands import main  # noqa: E402
from training.corpus import Corpus  # noqa: E402
from training.errors import CheckpointError  # noqa: E402
from training.gpu_session import newest, status, wait  # noqa: E402
from training.recipe import RECIPES  # noqa: E402


class Machine:
    """The other machine: another folder, with the carried code alone, not the installed project."""

    def __init__(self, root: Path, code: Path) -> None:
        self.root = root
        self.work = root / "work"
        with tarfile.open(code) as archive:
            # Python 3.11.4 brought filters, and 3.12 warns where there is none.
            archive.extraction_filter = getattr(tarfile, "data_filter", None)
            archive.extractall(root)  # noqa: S202 - packed by the test itself

    def run(self, *arguments: str | Path) -> str:
        """Runs one `python -m training gpu` there; -S keeps the editable install away."""
        libraries = [path for path in sys.path if path.endswith("site-packages")]
        libraries += [sysconfig.get_paths()["purelib"]]
        done = subprocess.run(
            [sys.executable, "-S", "-m", "training", "gpu", *map(str, arguments)],
            cwd=self.root,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(self.root), *libraries])},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def status(self, wait: float = 0) -> dict[str, Any]:
        """What `status` prints."""
        answer: dict[str, Any] = json.loads(self.run("status", self.work, "--wait", str(wait)))
        return answer


def test_rehearsal(corpus: Corpus, tokenizer_path: Path, tmp_path: Path) -> None:
    """Packed, carried, trained, killed, gone on, brought back, joined, exported, and it writes."""
    here, machine_root = tmp_path / "here", tmp_path / "there"
    machine_root.mkdir()
    recipe = machine_root / "tiny.toml"
    text = (RECIPES / "tiny.toml").read_text()
    recipe.write_text(text.replace("checkpoint_minutes = 0.5", "checkpoint_minutes = 0"))
    data = ["--corpus", str(corpus.folder), "--tokenizer", str(tokenizer_path)]
    small = ["--parcel-mib", "0.15", "--slice-mib", "0.4"]

    assert main(["gpu", "pack", str(here), *data, *small]) == 0
    machine = Machine(machine_root, here / "code" / "code.tar.gz")
    parcels = sorted((here / "parcels").iterdir())
    answers = [machine.run("unpack", parcel, machine.work) for parcel in parcels]
    assert len(parcels) > 1
    assert answers[-1] == "complete\n"

    options = ["--recipe", recipe, "--device", "cpu", "--tokens", "24000"]
    options += ["--extra=--kernel grouped --workers 1"]
    machine.run("start", machine.work, *options)
    deadline = time.monotonic() + 100
    while "last.pt" not in status(machine.work)["checkpoints"] and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(json.loads((machine.work / "session.json").read_text())["pid"], signal.SIGKILL)
    assert not wait(machine.work, 10)
    first = machine.status()
    assert first["start"]["kernel"] == "grouped"
    early = machine.run("collect", machine.work, tmp_path / "early")
    assert early == "last.pt as int4: 1 parts here, 0 in later groups\n"
    assert main(["gpu", "join", str(tmp_path / "early"), str(tmp_path / "early.pt")]) == 0

    machine.run("start", machine.work, *options)
    last = machine.status(wait=100)
    assert not last["running"], last
    assert {"last.pt", "stable.pt", "final.pt"} <= set(last["checkpoints"]), last
    assert last["start"]["step"] > 0
    assert last["step"]["step"] > first["step"]["step"]

    machine.run("collect", machine.work, tmp_path / "out")
    assert main(["gpu", "join", str(tmp_path / "out"), str(tmp_path / "final.pt")]) == 0
    hf, model = tmp_path / "hf", tmp_path / "model"
    asked = ["export-checkpoint", str(tmp_path / "final.pt"), str(hf)]
    assert main([*asked, "--tokenizer", str(tokenizer_path)]) == 0
    export_model(hf, model, weights="int4")
    with Engine.open(model) as engine:
        request = CompletionRequest(
            document="a.py", path="a.py", prefix="import os\n\ndef ", suffix="\n"
        )
        completion = engine.submit(request).future.result(timeout=60)
    assert completion.prompt_tokens > 4
    assert completion.finish_reason is not None


def test_a_second_trainer_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """While the first runs; a process that is gone does not count."""
    (tmp_path / "session.json").write_text(
        json.dumps({"pid": os.getpid(), "budget": ["--tokens", "1"], "command": []})
    )

    assert main(["gpu", "start", str(tmp_path), "--minutes", "1"]) == 1
    assert "expected no trainer" in capsys.readouterr().err


def test_nothing_to_bring_back_yet(tmp_path: Path) -> None:
    """The status of an empty folder is no error; weights cannot be taken from it."""
    assert status(tmp_path)["running"] is False
    assert status(tmp_path)["step"] is None
    with pytest.raises(CheckpointError, match="found none yet"):
        newest(tmp_path)
