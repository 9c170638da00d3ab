"""Functions of public benchmarks are known by name and parameters."""

import gzip
import json
import re
from pathlib import Path

import pytest

from training.benchmarks import (
    LIST,
    benchmark_hashes,
    hashed,
    holds_benchmark,
    listed,
    signatures,
)
from training.errors import CorpusError

FILE = """
import os

@decorated
async def fetch(self, url: str, *, tries: int = 3, **options: dict[str, int]) -> None: ...

class Shapes:
    def area(self, side):
        def inner(x): return x
    @classmethod
    def make(cls, *args): ...

def many(
    first: tuple[int, int] = (1, 2),  # a remark, with ) and "
    second: str = "a, b)", /,
    third=lambda x: {x: [(x, x)]},
): ...
def empty ( ):
    text = "def quoted(a): pass"
def cut(short, of
"""


def test_signatures_are_names_without_types_and_defaults() -> None:
    """Brackets, strings and remarks do not cut a parameter; a text may end anywhere."""
    found = signatures(FILE)

    assert found == {
        "fetch(url,tries,options)",
        "area(side)",
        "inner(x)",
        "make(args)",
        "many(first,second,third)",
        "empty()",
        "cut(short,of)",
    }
    assert signatures(FILE, top_level=True) == found - {"area(side)", "inner(x)", "make(args)"}


@pytest.mark.parametrize(
    "code",
    [
        "def has_close_elements(numbers: List[float], threshold: float) -> bool:\n    pass\n",
        "class Solution:\n    def has_close_elements(self, numbers, threshold=0.5): ...\n",
        "def min_cost(cost, m, n): \n\ttc = []\n",
        "def levenshtein(source, target):\n    if source == '':\n",
    ],
)
def test_benchmarks_are_listed(code: str) -> None:
    """HumanEval, MBPP and QuixBugs, also as methods and with other types."""
    assert holds_benchmark(f"import os\n\n{code}", listed())


@pytest.mark.parametrize(
    "code",
    [
        "def has_close_elements(numbers): ...\n",
        "def min_cost(m, n, cost): ...\n",
        "levenshtein(source, target)\n",
        "# def levenshtein(source, target):\n",
    ],
)
def test_another_function_is_not_listed(code: str) -> None:
    """Other parameters, another order, a call, a remark."""
    assert not holds_benchmark(code, listed())


def test_the_list_is_hashes_in_order() -> None:
    """No text of a benchmark stands in the project; a new list differs only where it must."""
    lines = LIST.read_text("ascii").splitlines()

    assert lines == sorted(set(lines))
    assert len(lines) > 1000
    assert all(re.fullmatch("[0-9a-f]{16}", line) for line in lines)


def test_tasks_are_read_in_each_format(tmp_path: Path) -> None:
    """Prompts count whole, MBPP's programs only where tests call them, QuixBugs' at top level."""
    human = {
        "prompt": "def helper(a):\n    pass\n\n\ndef asked(a, b: int):\n",
        "suffix": "    pass\n",
    }
    with gzip.open(tmp_path / "human.jsonl.gz", "wt") as stream:
        stream.write(json.dumps(human) + "\n")
    mbpp = {
        "code": "def swap(x, y):\r\n  return y, x\r\ndef sort_all(xs): \r\n\treturn xs\r\n",
        "test_list": ["assert sort_all([2, 1]) == [1, 2]", "assert sort_all([]) == []"],
    }
    (tmp_path / "mbpp.jsonl").write_text(json.dumps(mbpp) + "\n")
    (tmp_path / "bits.py").write_text("def bits(n):\n    def inner(m): ...\n")

    found = benchmark_hashes(sorted(tmp_path.iterdir()))

    asked = ("helper(a)", "asked(a,b)", "sort_all(xs)", "bits(n)")
    assert found == {hashed(signature) for signature in asked}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tasks.jsonl", '{"question": "?"}\n'),
        ("tasks.jsonl", "no JSON\n"),
        ("tasks.jsonl.gz", "not compressed"),
        ("tasks.jsonl", '{"code": "", "test_list": ["assert ("]}\n'),
    ],
)
def test_other_files_are_refused(tmp_path: Path, name: str, content: str) -> None:
    """One sentence names the file."""
    (tmp_path / name).write_text(content)

    with pytest.raises(CorpusError, match="expected JSON lines"):
        benchmark_hashes([tmp_path / name])
