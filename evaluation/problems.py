"""Programming problems with tests: one JSON object a line, plain or gzip.

The formats are those of HumanEval (task_id, prompt, canonical_solution, test, entry_point) and of
HumanEval-Infilling, which adds `suffix`.
"""

import gzip
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evaluation.errors import DataError

_GZIP: Final = b"\x1f\x8b"
_MAX_BYTES: Final = 256 << 20  # unpacked


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A function with a hole, and the tests that it must pass."""

    task_id: str
    prompt: str
    suffix: str  # "" where everything behind the prompt is asked for
    canonical_solution: str
    test: str  # defines `check(candidate)`
    entry_point: str  # the function that `check` is called with

    def program(self, text: str) -> str:
        """Return the whole test with a text in the hole."""
        return f"{self.prompt}{text}{self.suffix}\n{self.test}\ncheck({self.entry_point})\n"


def read_problems(path: Path, *, with_suffix: bool) -> list[Problem]:
    """Return the problems of a file, or of all .jsonl and .jsonl.gz files of a folder.

    Args:
        path: the file or folder.
        with_suffix: infilling problems are wanted; in a folder, files without are passed over.

    Raises:
        DataError: missing, unreadable, of another format, or nothing in it.
    """
    if path.is_dir():
        files = sorted([*path.glob("*.jsonl"), *path.glob("*.jsonl.gz")])
        problems = [
            problem
            for file in files
            if ("suffix" in _first_object(file)) == with_suffix
            for problem in _read_file(file, with_suffix=with_suffix)
        ]
    else:
        problems = _read_file(path, with_suffix=with_suffix)
    if not problems:
        kind = "infilling problems (with a `suffix`)" if with_suffix else "problems"
        raise DataError(f"expected a .jsonl or .jsonl.gz file of {kind} in {path}, found none")
    return problems


def _read_file(path: Path, *, with_suffix: bool) -> list[Problem]:
    fields = ["task_id", "prompt", "canonical_solution", "test", "entry_point"]
    if with_suffix:
        fields.append("suffix")
    problems = []
    for number, line in enumerate(_lines(path), start=1):
        record = _object(line, path, number)
        values = {name: record.get(name) for name in fields}
        wrong = [name for name, value in values.items() if not isinstance(value, str)]
        if wrong:
            raise DataError(
                f"expected the texts {', '.join(fields)} in line {number} of {path}, found no"
                f" {wrong[0]!r}; is it another benchmark's file?"
            )
        texts = {name: str(value) for name, value in values.items()}
        if not texts["entry_point"].isidentifier():
            raise DataError(
                f"expected a function's name as entry_point in line {number} of {path}, found"
                f" {texts['entry_point']!r}"
            )
        problems.append(Problem(**{"suffix": "", **texts}))
    return problems


def _first_object(path: Path) -> dict[str, object]:
    lines = _lines(path)
    return _object(lines[0], path, 1) if lines else {}


def _object(line: str, path: Path, number: int) -> dict[str, object]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise DataError(f"expected a JSON object in line {number} of {path}, found {line[:40]!r}")
    return record


def _lines(path: Path) -> Sequence[str]:
    try:
        data = path.read_bytes()
        if data.startswith(_GZIP):
            with gzip.open(path) as stream:
                data = stream.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise DataError(f"expected at most {_MAX_BYTES >> 20} MiB of problems in {path}")
        text = data.decode("utf-8")
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"expected a readable file of problems, got {path}: {reason}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"expected UTF-8 text in {path}, found other bytes") from error
    return [line for line in text.split("\n") if line.strip()]
