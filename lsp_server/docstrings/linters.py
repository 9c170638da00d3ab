"""Runs ruff and pydoclint over a file and keeps what they say of one docstring."""

import importlib.util
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from lsp_server.context.admission import path_of_uri
from lsp_server.docstrings.content import Style
from lsp_server.docstrings.facts import ClassFacts, Facts, FunctionFacts
from lsp_server.docstrings.skeleton import is_iterated, returns_documented
from lsp_server.fixes.checkers.linter import linted
from lsp_server.fixes.checkers.process import environment, run_program
from lsp_server.fixes.checkers.programs import Surroundings, find_program, safe_path
from lsp_server.fixes.checkers.ruff import findings_in

_LIMIT_S: Final = 10.0
_SUFFIXES: Final = frozenset({".py", ".pyi", ".pyw"})
_CONVENTIONS: Final = {Style.GOOGLE: "google", Style.NUMPY: "numpy", Style.SPHINX: "pep257"}
_RUFF_OPTIONS: Final = (
    *("check", "--isolated", "--no-cache", "--preview", "--exit-zero", "--quiet"),
    *("--output-format", "json"),
)
# Types stand in the signature, `__init__` has its own docstring, `_` is described like any other.
PYDOCLINT_OPTIONS: Final = (
    "--style=sphinx",
    "--quiet",
    "--allow-init-docstring=True",
    "--check-return-types=False",
    "--check-yield-types=False",
    "--ignore-underscore-only-args=False",
)
PYDOCLINT_LINE: Final = re.compile(r"\s+(\d+): (DOC\d+): (.*)")
_RAISED: Final = re.compile(
    r"in the docstring: (\[.*?\])\. Raised exceptions in the body: (\[.*\])"
)
_QUOTED: Final = re.compile(r"'([^']*)'")
# It reports on stderr, where programs also say what went wrong with themselves.
_PYDOCLINT: Final = "import sys; sys.stderr = sys.stdout; from pydoclint.main import main; main()"
# These complain about the signature, whatever the docstring says.
_ABOUT_SIGNATURES: Final = frozenset({"DOC106", "DOC107", "DOC110"})
# A generator that is not annotated as one it takes for a function that returns its annotation.
_ABOUT_GENERATORS: Final = frozenset({"DOC201", "DOC402", "DOC403"})
# A function that only raises, or whose bare `return` is not annotated, returns a value to it.
_MISSING_RETURN: Final = "DOC201"
_MISSING_RAISES: Final = "DOC501"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a linter says of a docstring."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Linters:
    """The linters that may run; None is none."""

    around: Surroundings
    ruff: Path | None
    has_pydoclint: bool  # it is no dependency; found beside Mixline alone

    @classmethod
    def find(cls, around: Surroundings) -> Self:
        """Return those that there are.

        Args:
            around: the workspace, for the rule about what it may bring along.
        """
        return cls(
            around=around,
            ruff=find_program("ruff", around),
            has_pydoclint=importlib.util.find_spec("pydoclint") is not None,
        )

    async def lint(
        self, text: str, uri: str, style: Style, target: Facts, *, types: bool = False
    ) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
        """Return the findings at a definition's docstring, and the linters that have run.

        Args:
            text: the file, LF line ends.
            uri: of the file.
            style: whose rules count.
            target: the definition, with its docstring.
            types: types are repeated in docstrings.
        """
        findings: list[Finding] = []
        ran: list[str] = []
        if self.ruff is not None and target.span.docstring is not None:
            found = await self._ruff(self.ruff, text, uri, style)
            if found is not None:
                ran.append("ruff")
                first, last = target.span.docstring[0].line, target.span.docstring[1].line
                findings += [one for line, one in found if first <= line <= last]
        if style is Style.SPHINX and self.has_pydoclint:
            found = await self._pydoclint(text, types=types and _has_types(target))
            if found is not None:
                ran.append("pydoclint")
                findings += [
                    one
                    for line, one in found
                    if line == target.span.name.line
                    and not about_signature(one.code, target)
                    and not about_variables(one, target)
                ]
        return tuple(findings), tuple(ran)

    async def _ruff(
        self, program: Path, text: str, uri: str, style: Style
    ) -> list[tuple[int, Finding]] | None:
        """Return what ruff says, with lines from 0; None if it did not end normally."""
        rules = "D" if style is Style.SPHINX else "D,DOC"
        name = _name_for_ruff(uri)
        convention = f'lint.pydocstyle.convention="{_CONVENTIONS[style]}"'
        run = run_program(
            [
                *(str(program), *_RUFF_OPTIONS, "--select", rules, "--config", convention),
                *("--stdin-filename", name, "-"),
            ],
            text.encode("utf-8", "replace"),
            variables=environment(safe_path(self.around)),
            limit_s=_LIMIT_S,
        )
        report = await linted("ruff", run, findings_in)
        if not report.ended_normally:
            return None
        return [
            (
                one.diagnostic.start.line,
                Finding(code=one.diagnostic.code, message=one.diagnostic.message),
            )
            for one in report.findings
        ]

    async def _pydoclint(self, text: str, *, types: bool) -> list[tuple[int, Finding]] | None:
        typed = f"--arg-type-hints-in-docstring={types}"
        with tempfile.NamedTemporaryFile(prefix="mixline-", suffix=".py") as file:
            file.write(text.encode("utf-8", "replace"))
            file.flush()
            ended = await run_program(
                [sys.executable, "-P", "-c", _PYDOCLINT, *PYDOCLINT_OPTIONS, typed, file.name],
                b"",
                variables=environment(safe_path(self.around)),
                limit_s=_LIMIT_S,
            )
        if ended.problem:
            return None
        return [
            (int(match[1]) - 1, Finding(code=match[2], message=match[3]))
            for line in ended.output.decode("utf-8", "replace").splitlines()
            if (match := PYDOCLINT_LINE.fullmatch(line))
        ]


def _name_for_ruff(uri: str) -> str:
    """Return the name under which ruff reads a file: its own, from which imports are resolved."""
    path = path_of_uri(uri)
    if path is not None and path.is_file() and path.suffix in _SUFFIXES:
        return str(path)
    return "stub.pyi" if uri.endswith(".pyi") else "module.py"


def _has_types(target: Facts) -> bool:
    """Tell whether there are types that a docstring could repeat."""
    function = target.constructor if isinstance(target, ClassFacts) else target
    return function is None or any(one.annotation is not None for one in function.parameters)


def about_variables(finding: Finding, target: Facts) -> bool:
    """Tell whether pydoclint only misses variables or methods, which it took for exceptions.

    Of `raise error` and `raise self._failure()` it expects a description of `error` and of
    `self._failure`; what they hold only running the code would tell. Where all that is raised is
    such, or what a bare `except:` has caught, it misses the section too.
    """
    if finding.code == _MISSING_RAISES:
        return isinstance(target, FunctionFacts) and not target.raises
    match = _RAISED.search(finding.message) if finding.code == "DOC503" else None
    if match is None:
        return False
    described, raised = (set(_QUOTED.findall(text)) for text in match.groups())
    others = {name.rpartition(".")[2].lstrip("_") for name in raised - described}
    return described <= raised and all(name[:1].islower() for name in others)


def about_signature(code: str, target: Facts) -> bool:
    """Tell whether a finding of pydoclint's would be there whatever the docstring said."""
    if code in _ABOUT_SIGNATURES or isinstance(target, ClassFacts):
        return code in _ABOUT_SIGNATURES
    if target.is_generator:
        return code in _ABOUT_GENERATORS and not is_iterated(target.return_annotation)
    return code == _MISSING_RETURN and not returns_documented(target)
