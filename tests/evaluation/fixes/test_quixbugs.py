"""`mixline eval fixes` on programs in QuixBugs' layout: three of our own, each with its mistake."""

from pathlib import Path

import pytest

from evaluation.errors import DataError
from evaluation.fixes import bench
from evaluation.fixes.quixbugs import Program, is_quixbugs, read_programs
from evaluation.fixes.quixbugs_bench import ProgramsReport
from evaluation.options import Options
from evaluation.sandbox import Limits, Sandbox

TOTAL = "def total(values):\n    result = 0\n    for value in values:\n        result += value\n"
RIGHT = f"{TOTAL}    return result\n"
WRONG = f"# adds\n{TOTAL}    return reslt\n"
TESTS = """import pytest
from load_testdata import load_json_testcases

if pytest.use_correct:
    from correct_python_programs.total import total
else:
    from python_programs.total import total

@pytest.mark.parametrize("input_data,expected", load_json_testcases("total"))
def test_total(input_data, expected):
    if not pytest.run_slow and input_data == [[]]:
        pytest.skip("slow")
    assert total(*input_data) == pytest.approx(expected, abs=0.01)
"""
FIND = "from .node import Node\n\n\ndef last(node):\n    while node.successor:\n"
FIND_WRONG = f"{FIND}        pass\n    return node\n"
FIND_RIGHT = f"{FIND}        node = node.successor\n    return node\n"
FIND_TESTS = """import pytest
from node import Node
from python_programs.last import last

def test1():
    assert last(Node(1, Node(2))).value == 2
"""
NODE = """class Node:
    def __init__(self, value=None, successor=None):
        self.value, self.successor = value, successor
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two programs: one is given its cases, the other makes them of nodes and runs for ever."""
    files = {
        "python_programs/total.py": WRONG,
        "correct_python_programs/total.py": RIGHT,
        "python_testcases/test_total.py": TESTS,
        "json_testcases/total.json": "[[[1, 2]], 3.001]\n[[[]], 7]\n\n",
        "python_programs/last.py": FIND_WRONG,
        "python_programs/last_test.py": "from .last import last\n",
        "correct_python_programs/last.py": FIND_RIGHT,
        "python_testcases/test_last.py": FIND_TESTS,
        "python_programs/node.py": NODE,
    }
    for name, text in files.items():
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "data"


@pytest.fixture
def programs(folder: Path) -> list[Program]:
    """They as they are read."""
    return read_programs(folder)


def test_the_line_of_the_mistake_is_known(programs: list[Program]) -> None:
    """Comments do not count."""
    assert [(one.name, one.line) for one in programs] == [("last", 5), ("total", 5)]


def test_their_tests_tell_right_from_wrong(programs: list[Program]) -> None:
    """With cases from JSON, classes of their own, and programs that do not end."""
    sandbox = Sandbox(Limits(seconds=1.0))

    assert [one.passes(sandbox, one.true) for one in programs] == [True, True]
    assert [one.passes(sandbox, one.text) for one in programs] == [False, False]


def test_whole_run(tiny_model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a checker sees is fixed and passes; the other has no more than the model's word."""
    monkeypatch.setattr("evaluation.fixes.quixbugs_bench._LIMITS", Limits(seconds=1.0))
    report = bench.evaluate(Options(model=tiny_model, data=folder))

    assert isinstance(report, ProgramsReport)
    last, total = report.programs
    assert report.n == 2
    assert last.fails
    assert not last.verified
    assert (total.offered, total.verified, total.passes, total.same_tree) == (True,) * 4
    assert "| total | Rename to `result` - verified by ruff | yes |" in bench.table(report)


def test_other_folders_are_refused(tmp_path: Path, folder: Path) -> None:
    """In one sentence, if something is missing."""
    (folder / "python_testcases" / "test_last.py").unlink()

    assert not is_quixbugs(tmp_path)
    with pytest.raises(DataError, match="expected QuixBugs in"):
        read_programs(folder)
