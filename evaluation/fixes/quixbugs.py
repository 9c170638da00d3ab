"""QuixBugs' Python programs: mistakes that people make, each in one line, with tests that tell.

The layout is that of https://github.com/jkoppel/QuixBugs: `python_programs` with the mistakes,
`correct_python_programs`, `python_testcases` and `json_testcases`. The tests are written for
pytest; in the sandbox, where nothing is installed, a few lines stand in for what they use of it.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evaluation.errors import DataError
from evaluation.sandbox import Sandbox, Verdict

FAULTY: Final = "python_programs"
_RIGHT: Final = "correct_python_programs"
_TESTS: Final = "python_testcases"
_CASES: Final = "json_testcases"
# Programs that others import, or that only print.
_NO_PROGRAM: Final = ("node", "__init__")
_PYTEST: Final = """
use_correct = run_slow = False
class Skipped(Exception):
    pass
def skip(*_):
    raise Skipped
class mark:
    @staticmethod
    def parametrize(_, cases):
        def keep(test):
            test.cases = cases
            return test
        return keep
class approx:
    def __init__(self, expected, abs=1e-12, rel=1e-6):
        self.expected, size = expected, expected if expected > 0 else -expected
        self.least = max(abs, rel * size)
    def __eq__(self, value):
        difference = value - self.expected
        return -self.least <= difference <= self.least
"""
_RUN: Final = """
import copy, json, sys, types
def module(name, text):
    made = sys.modules[name] = types.ModuleType(name)
    made.__package__ = name.rpartition(".")[0]
    exec(compile(text, name, "exec"), made.__dict__)
    return made
given = json.loads(GIVEN)
module("pytest", given["pytest"])
module("node", given["node"])
module("load_testdata", "def load_json_testcases(_): return CASES").CASES = given["cases"]
module("python_programs", "").__path__ = []
sys.modules["python_programs.node"] = sys.modules["node"]
module("python_programs." + given["name"], given["program"])
tests = module("tests", given["tests"])
for name, test in list(vars(tests).items()):
    if name.startswith("test") and callable(test):
        for case in getattr(test, "cases", [()]):
            try:
                test(*copy.deepcopy(case))
            except sys.modules["pytest"].Skipped:
                pass
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One program with a mistake, and what tells that it is one."""

    name: str
    text: str  # with the mistake
    true: str
    line: int  # of the mistake, from 0
    tests: str
    cases: list[object]  # arguments and results, for tests that are given them
    node: str  # the class that tests of graphs use

    def passes(self, sandbox: Sandbox, text: str) -> bool:
        """Tell whether another text of the program passes all tests."""
        given = {
            "name": self.name,
            "program": text,
            "tests": self.tests,
            "cases": self.cases,
            "node": self.node,
            "pytest": _PYTEST,
        }
        source = f"GIVEN = {json.dumps(given)!r}\n{_RUN}"
        return sandbox.run(source) is Verdict.PASSED


def is_quixbugs(folder: Path | None) -> bool:
    """Tell whether a folder is laid out as QuixBugs is."""
    return folder is not None and all((folder / name).is_dir() for name in (FAULTY, _RIGHT))


def read_programs(folder: Path) -> list[Program]:
    """Return the programs that have tests, in the order of their names.

    Raises:
        DataError: a file is missing or holds something else.
    """
    try:
        node = (folder / FAULTY / "node.py").read_text("utf-8")
        programs = [
            _read(folder, file.stem, node)
            for file in sorted((folder / FAULTY).glob("*.py"))
            if file.stem not in _NO_PROGRAM and not file.stem.endswith("_test")
        ]
    except (OSError, ValueError) as error:
        raise DataError(
            f"expected QuixBugs in {folder}, found something else ({error}); give the folder of a"
            " clone with --data"
        ) from error
    return programs


def _read(folder: Path, name: str, node: str) -> Program:
    text = (folder / FAULTY / f"{name}.py").read_text("utf-8")
    true = (folder / _RIGHT / f"{name}.py").read_text("utf-8")
    cases = folder / _CASES / f"{name}.json"
    rows = cases.read_text("utf-8").splitlines() if cases.is_file() else []
    return Program(
        name=name,
        text=text,
        true=true,
        line=_first_difference(text, true),
        tests=(folder / _TESTS / f"test_{name}.py").read_text("utf-8"),
        cases=[json.loads(row) for row in rows if row.strip()],
        node=node,
    )


def _first_difference(text: str, true: str) -> int:
    """Return the first line that the right program has otherwise; comments count nothing."""
    old, new = (
        [
            (number, code.rstrip())
            for number, line in enumerate(one.split("\n"))
            if (code := line.partition("#")[0]).strip()
        ]
        for one in (text, true)
    )
    pairs = zip(old, new, strict=False)
    first = next((line for (line, code), (_, right) in pairs if code != right), None)
    return first if first is not None else old[-1][0]
