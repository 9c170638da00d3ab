"""Runs ruff and pydoclint over a file and keeps what they say of one docstring."""

import asyncio
import importlib.util
import json
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lsp_server.docstrings.content import Style
from lsp_server.docstrings.facts import ClassFacts, FunctionFacts

_TIME_LIMIT_S: Final = 10.0
_CONVENTIONS: Final = {Style.GOOGLE: "google", Style.NUMPY: "numpy", Style.SPHINX: "pep257"}
_PYDOCLINT_OPTIONS: Final = (
    "--style=sphinx",
    "--quiet",
    "--allow-init-docstring=True",
    "--arg-type-hints-in-docstring=False",
    "--check-return-types=False",
    "--check-yield-types=False",
    "--ignore-underscore-only-args=False",
)
_PYDOCLINT_LINE: Final = re.compile(r"\s+(\d+): (DOC\d+): (.*)")
# These complain about the signature, whatever the docstring says.
_ABOUT_SIGNATURES: Final = frozenset({"DOC106", "DOC107"})
# Of a generator without annotation it wants a field, and then that there be none.
_UNANNOTATED_GENERATOR: Final = frozenset({"DOC402", "DOC403"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a linter says of a docstring."""

    code: str
    message: str


def _find_ruff() -> Path | None:
    beside = Path(sys.executable).with_name("ruff")
    if beside.is_file():
        return beside
    found = shutil.which("ruff")
    return Path(found) if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Linters:
    """The linters that may run; none of them from inside the workspace."""

    ruff: Path | None = field(default_factory=_find_ruff)
    has_pydoclint: bool = field(
        default_factory=lambda: importlib.util.find_spec("pydoclint") is not None
    )

    async def lint(
        self, text: str, uri: str, style: Style, target: FunctionFacts | ClassFacts
    ) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
        """Return the findings at a definition's docstring, and the linters that have run.

        Args:
            text: the file, LF line ends.
            uri: of the file.
            style: whose rules count.
            target: the definition.
        """
        findings: list[Finding] = []
        ran: list[str] = []
        if self.ruff is not None and target.span.docstring is not None:
            found = await _ruff(self.ruff, text, uri, style)
            if found is not None:
                ran.append("ruff")
                first, last = target.span.docstring[0].line + 1, target.span.docstring[1].line + 1
                findings += [one for line, one in found if first <= line <= last]
        if style is Style.SPHINX and self.has_pydoclint:
            found = await _pydoclint(text)
            if found is not None:
                ran.append("pydoclint")
                line_of_name = target.span.name.line + 1
                findings += [
                    one
                    for line, one in found
                    if line == line_of_name and not _about_signature(one.code, target)
                ]
        return tuple(findings), tuple(ran)


async def _ruff(
    program: Path, text: str, uri: str, style: Style
) -> list[tuple[int, Finding]] | None:
    rules = "D" if style is Style.SPHINX else "D,DOC"
    name = "stub.pyi" if uri.endswith(".pyi") else "module.py"
    output = await _run(
        [
            str(program),
            *("check", "--isolated", "--no-cache", "--preview", "--exit-zero", "--quiet"),
            *("--select", rules, "--output-format", "json", "--stdin-filename", name),
            *("--config", f'lint.pydocstyle.convention="{_CONVENTIONS[style]}"', "-"),
        ],
        text,
    )
    try:
        return [
            (one["location"]["row"], Finding(code=one["code"] or "", message=one["message"]))
            for one in json.loads(output or "")
        ]
    except (ValueError, TypeError, KeyError):
        return None


async def _pydoclint(text: str) -> list[tuple[int, Finding]] | None:
    with tempfile.TemporaryDirectory(prefix="mixline-") as folder:
        file = Path(folder, "module.py")
        await asyncio.to_thread(file.write_text, text, encoding="utf-8")
        output = await _run(
            [sys.executable, "-P", "-m", "pydoclint.main", *_PYDOCLINT_OPTIONS, str(file)],
            "",
            error_stream=True,
        )
    if output is None:
        return None
    return [
        (int(match[1]), Finding(code=match[2], message=match[3]))
        for line in output.splitlines()
        if (match := _PYDOCLINT_LINE.fullmatch(line))
    ]


def _about_signature(code: str, target: FunctionFacts | ClassFacts) -> bool:
    """Tell whether a finding would be there whatever the docstring said."""
    if code in _UNANNOTATED_GENERATOR and isinstance(target, FunctionFacts):
        return target.is_generator and target.return_annotation is None
    return code in _ABOUT_SIGNATURES


async def _run(command: list[str], text: str, *, error_stream: bool = False) -> str | None:
    """Return what a program prints, None if it cannot run or takes too long."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=tempfile.gettempdir(),
        )
    except OSError:
        return None
    try:
        out, err = await asyncio.wait_for(
            process.communicate(text.encode("utf-8", "replace")), _TIME_LIMIT_S
        )
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return (err if error_stream else out).decode("utf-8", "replace")
