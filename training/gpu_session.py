"""Runs the trainer on a borrowed machine: code bundle, start, status, and what is brought back."""

import io
import json
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from training.errors import CheckpointError
from training.plot import LOG_NAME

_ROOT: Final = Path(__file__).parents[1]
# Of other packages training needs these alone; their packages' own __init__ would import an engine.
_BORROWED: Final = (
    "inference/errors.py",
    "inference/ops/layout.py",
    "inference/ops/mxfp4.py",
    "inference/ops/tiles.py",
)
_EMPTY: Final = ("inference/__init__.py", "inference/ops/__init__.py")
_SESSION: Final = "session.json"
_POLL_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A trainer that was started; kept in the work folder, so that it can be started again."""

    pid: int
    budget: list[str]
    """`--until` and a time (ISO 8601, UTC), or `--tokens` and their number."""
    command: list[str]


def bundle(out: Path) -> int:
    """Writes a .tar.gz of the code that a trainer needs and returns how many files it holds."""
    out.parent.mkdir(parents=True, exist_ok=True)
    names = [
        path for path in sorted((_ROOT / "training").rglob("*")) if "__pycache__" not in str(path)
    ]
    paths = [path for path in names if path.suffix in {".py", ".toml", ".txt"}]
    paths += [_ROOT / name for name in _BORROWED]
    with tarfile.open(out, "w:gz") as archive:
        for path in paths:
            archive.add(path, path.relative_to(_ROOT).as_posix())
        for name in _EMPTY:
            archive.addfile(tarfile.TarInfo(name), io.BytesIO(b""))
    return len(paths) + len(_EMPTY)


def start(
    work: Path,
    recipe: str,
    *,
    minutes: float,
    device: str,
    tokens: int | None = None,
    extra: Sequence[str] = (),
) -> Session:
    """Starts the trainer in a process session of its own, which outlives the command that did it.

    It ends so many minutes from now, or after so many tokens where they are given. A work folder
    whose trainer was killed keeps the budget of its first start.

    Raises:
        CheckpointError: a trainer runs there already.
    """
    work = work.resolve()
    old = _read(work)
    if old is not None and alive(old.pid):
        raise CheckpointError(f"expected no trainer in {work}, process {old.pid} runs there")
    if old is not None:
        budget = old.budget
    elif tokens is not None:
        budget = ["--tokens", str(tokens)]
    else:
        end = datetime.fromtimestamp(time.time() + 60 * minutes, UTC)  # noqa: TID251
        budget = ["--until", end.isoformat(timespec="seconds")]
    command = [
        *(sys.executable, "-m", "training", "pretrain", recipe, "--device", device),
        *("--corpus", str(work / "corpus"), "--tokenizer", str(work / "tokenizer.json")),
        *("--out", str(work / "run"), *budget, *extra),
    ]
    if (work / "bugs.jsonl").is_file():
        command += ["--bugs", str(work / "bugs.jsonl")]
    with (work / "run.out").open("ab") as stream:
        process = subprocess.Popen(  # noqa: S603 - our own arguments
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
            cwd=_ROOT,
            env=os.environ | {"PYTORCH_ALLOC_CONF": "expandable_segments:True"},
        )
    session = Session(pid=process.pid, budget=budget, command=command)
    (work / _SESSION).write_text(json.dumps(asdict(session)) + "\n", encoding="utf-8")
    return session


def _read(work: Path) -> Session | None:
    try:
        return Session(**json.loads((work / _SESSION).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def alive(pid: int) -> bool:
    """Says whether a process runs; one that only waits to be collected does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait(work: Path, seconds: float) -> bool:
    """Waits until the trainer has ended, at most so long; returns whether it still runs."""
    session = _read(work)
    deadline = time.monotonic() + seconds
    while session is not None and alive(session.pid):
        if time.monotonic() >= deadline:
            return True
        time.sleep(_POLL_SECONDS)
    return False


def status(work: Path) -> dict[str, Any]:
    """Says where the run stands: its last step, last figures, checkpoints, end of its output."""
    session = _read(work)
    rows = _rows(work / "run" / LOG_NAME)
    checkpoints = sorted((work / "run").glob("*.pt"))
    output = work / "run.out"
    text = output.read_text(encoding="utf-8", errors="replace") if output.is_file() else ""
    return {
        "running": session is not None and alive(session.pid),
        "budget": None if session is None else session.budget,
        "now": datetime.now(UTC).isoformat(),
        "start": next(
            (
                {key: row.get(key) for key in ("time", "step", "kernel", "compiled", "torch")}
                for row in reversed(rows)
                if row.get("event") == "start"
            ),
            None,
        ),
        "step": next((row for row in reversed(rows) if "nats" in row), None),
        "heldout": [row for row in rows if row.get("event") == "heldout"][-3:],
        "checkpoints": {path.name: path.stat().st_size for path in checkpoints},
        "output": text[-1500:].splitlines(),
    }


def _rows(path: Path) -> list[dict[str, Any]]:
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:  # the last line may be cut off
            continue
    return rows


def newest(work: Path) -> Path:
    """Returns the final checkpoint, or the last one of a run that goes on.

    Raises:
        CheckpointError: there is none yet.
    """
    found = next(
        (path for name in ("final.pt", "last.pt") if (path := work / "run" / name).is_file()), None
    )
    if found is None:
        raise CheckpointError(f"expected a checkpoint in {work / 'run'}, found none yet; wait")
    return found
