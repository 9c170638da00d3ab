"""Reading problems: both formats, packed or not, and what is refused."""

import gzip
import json
from pathlib import Path

import pytest

from evaluation.errors import DataError
from evaluation.problems import read_problems
from evaluation.sandbox import Sandbox, Verdict

RECORD = {
    "task_id": "Sample/0",
    "prompt": "def one():\n",
    "canonical_solution": "    return 1\n",
    "test": "def check(candidate):\n    assert candidate() == 1\n",
    "entry_point": "one",
}
INFILLING = {**RECORD, "suffix": "\n\nTWO = 2\n", "extra": [1]}


def write(path: Path, *records: object) -> Path:
    """Write records as lines, packed where the name says so."""
    data = "".join(json.dumps(record) + "\n" for record in records).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_a_file_is_read_packed_or_not(tmp_path: Path, name: str) -> None:
    """Unknown fields are passed over; a problem knows its program."""
    (problem,) = read_problems(write(tmp_path / name, INFILLING), with_suffix=True)

    assert problem.suffix == "\n\nTWO = 2\n"
    assert Sandbox().run(problem.program("    return 1\n")) is Verdict.PASSED
    assert Sandbox().run(problem.program("    return 2\n")) is Verdict.FAILED


def test_a_folder_gives_the_files_of_the_kind(tmp_path: Path) -> None:
    """Files of both formats may lie side by side."""
    write(tmp_path / "a.jsonl", RECORD)
    write(tmp_path / "b.jsonl.gz", INFILLING, INFILLING)

    assert len(read_problems(tmp_path, with_suffix=True)) == 2
    assert len(read_problems(tmp_path, with_suffix=False)) == 1


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "found none"),
        (b"not json\n", "a JSON object in line 1"),
        (b"[" * 100_000, "a JSON object in line 1"),
        (b"[1]\n", "a JSON object in line 1"),
        (json.dumps(RECORD).encode() + b"\n{}\n", "in line 2"),
        (json.dumps({**RECORD, "test": 3}).encode(), "'test'"),
        (json.dumps({**RECORD, "entry_point": "1); evil("}).encode(), "function's name"),
        (b"\xff\xfe", "UTF-8"),
        (b"\x1f\x8bbroken", "readable file"),
        (gzip.compress(b"x" * 1000)[:-20], "readable file"),
    ],
)
def test_other_files_are_one_sentence(tmp_path: Path, data: bytes, told: str) -> None:
    """The file is named, with the line where there is one."""
    path = tmp_path / "data.jsonl"
    path.write_bytes(data)
    with pytest.raises(DataError) as raised:
        read_problems(path, with_suffix=False)

    assert told in str(raised.value)
    assert str(path) in str(raised.value)


def test_the_wrong_benchmark_is_told(tmp_path: Path) -> None:
    """Whole functions are no infilling problems."""
    with pytest.raises(DataError, match="suffix"):
        read_problems(write(tmp_path / "a.jsonl", RECORD), with_suffix=True)
