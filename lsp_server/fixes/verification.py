"""Whether an edit removes a diagnostic and adds none: tried on a copy, with the checker itself.

*Verified* means: the checker, run on the text as it is, reports this very diagnostic (code and
line); run in the same way on the edited copy it ends normally, no longer reports it, and reports
nothing that the first run did not. If the first run does not report the diagnostic (other settings,
an excluded file, a crash), an edit that the parsers accept is called *parsed*, never verified.

A file with a syntax error hides all other complaints from most checkers. A fix of such an error
that brings to light what stands on other lines is parsed too: nobody can say that it added nothing.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from lsp_server.document import Document
from lsp_server.fixes.candidate import Candidate, EditError, apply, in_order
from lsp_server.fixes.checkers.checker import (
    CheckedFile,
    Checker,
    Finding,
    Mender,
    Report,
    untouched,
)
from lsp_server.fixes.checkers.own import OwnParsers
from lsp_server.fixes.diagnostic import Diagnostic
from lsp_server.fixes.forbidden import ModuleExists, refused
from lsp_server.fixes.kinds import OWN_SOURCE, Kind, kind_of
from lsp_server.fixes.refusal import Refusal
from lsp_server.fixes.shifting import LineShift, new_complaints

_log = logging.getLogger(__name__)
# What editors call the sources of a checker's diagnostics, in small letters.
_SOURCES: Final = {
    "ruff": ("ruff",),
    "pyright": ("pyright", "basedpyright", "pylance"),
    "basedpyright": ("pyright", "basedpyright", "pylance"),
    "mypy": ("mypy", "dmypy"),
    "typescript": ("typescript", "ts", "tsserver", "javascript", "js"),
    "eslint": ("eslint",),
}


class Verdict(StrEnum):
    """What may be said of a fix."""

    VERIFIED = "verified"
    PARSED = "parsed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """A candidate that may be offered."""

    candidate: Candidate
    edited: Document
    verdict: Verdict
    by: str = ""  # the checker that verified it

    @property
    def title(self) -> str:
        """What a menu shows."""
        said = f"verified by {self.by}" if self.verdict is Verdict.VERIFIED else "parsed"
        return f"{self.candidate.title} - {said}"


class Baseline:
    """What checkers say of a text as it is, each asked once for all its diagnostics."""

    def __init__(self, file: CheckedFile) -> None:
        self.file = file
        self._reports: dict[str, Report] = {}

    async def report(self, checker: Checker) -> Report:
        """Return what a checker says."""
        if checker.name not in self._reports:
            self._reports[checker.name] = await untouched(checker, self.file, self.file.document)
        return self._reports[checker.name]


class Verifier:
    """Tries the candidates for one diagnostic in one version of a text.

    Args:
        baseline: of the text as it is.
        diagnostic: that is to go.
        checkers: that may run; the cheapest first.
        module_exists: tells what can be imported.
    """

    def __init__(
        self,
        baseline: Baseline,
        diagnostic: Diagnostic,
        checkers: Sequence[Checker],
        module_exists: ModuleExists,
    ) -> None:
        self._baseline = baseline
        self._file = baseline.file
        self._diagnostic = diagnostic
        self._module_exists = module_exists
        self._checkers, self._named = _in_order_for(diagnostic, checkers, self._file.document)
        self._own = OwnParsers()
        self._reporter: Checker | None = None
        self._reported: Diagnostic = diagnostic
        self.refusals: Counter[Refusal] = Counter()
        self.tried = 0

    async def prepare(self) -> Finding | None:
        """Run the checkers on the text as it is; return the diagnostic as its checker reports it.

        None if none of them reports it, so that nothing can be verified.
        """
        for checker in (self._named,) if self._named is not None else self._checkers:
            report = await self._baseline.report(checker)
            found = find(self._diagnostic, report, checker.name)
            if found is not None and report.ended_normally:
                self._reporter, self._reported = checker, found.diagnostic
                return found
        return None

    async def own_fixes(self) -> tuple[Candidate, ...]:
        """Return the fixes for which the checker that reports the diagnostic has to be asked."""
        asked: object = self._reporter
        return await asked.fixes(self._file, self._reported) if isinstance(asked, Mender) else ()

    @property
    def can_verify(self) -> bool:
        """Whether a checker reports the diagnostic."""
        return self._reporter is not None

    async def verify(self, candidate: Candidate) -> Fix | Refusal:
        """Try a candidate on a copy of the text."""
        self.tried += 1
        outcome = await self._verify(candidate)
        if isinstance(outcome, Refusal):
            self.refusals[outcome] += 1
        return outcome

    async def _verify(self, candidate: Candidate) -> Fix | Refusal:
        own_report = await self._baseline.report(self._own)
        # Parsing a long file takes tens of milliseconds, in which the server has to answer.
        tried = await asyncio.to_thread(self._try, candidate, own_report)
        if isinstance(tried, Refusal):
            return tried
        edited, shift = tried
        fix = Fix(candidate=candidate, edited=edited, verdict=Verdict.PARSED)
        copy = replace(self._file, document=edited)
        certain = self._reporter is not None
        # Cheap checkers first: what one of them objects to needs no more thought.
        for checker in self._checkers:
            verdict = await self._judge(checker, copy, shift)
            if isinstance(verdict, Refusal):
                return verdict
            certain = certain and verdict is Verdict.VERIFIED
        if self._reporter is None or not certain:
            return fix
        return replace(fix, verdict=Verdict.VERIFIED, by=self._reporter.name)

    def _try(
        self, candidate: Candidate, own_report: Report
    ) -> tuple[Document, LineShift] | Refusal:
        """Make the edit, and refuse it for what can be seen without a checker."""
        before = self._file.document
        try:
            edited = apply(before, candidate)
            shift = LineShift(in_order(before, candidate.changes))
        except EditError as error:
            _log.warning("%s", error)
            return Refusal.IMPOSSIBLE
        refusal = refused(before, edited, self._diagnostic, candidate.origin, self._module_exists)
        refusal = refusal or self._parse(own_report, edited, shift)
        return (edited, shift) if refusal is None else refusal

    async def _judge(
        self, checker: Checker, copy: CheckedFile, shift: LineShift
    ) -> Verdict | Refusal:
        """Let a checker compare; one that did not end normally before has nothing to compare."""
        before = await self._baseline.report(checker)
        if not before.ended_normally:
            return Verdict.PARSED if checker is self._reporter else Verdict.VERIFIED
        after = await untouched(checker, copy, self._file.document)
        if not after.ended_normally:
            return Refusal.FAILED
        old = [finding.diagnostic for finding in before.findings]
        if checker is self._reporter:
            old.remove(self._reported)
        new = new_complaints(old, (finding.diagnostic for finding in after.findings), shift)
        if not new:
            return Verdict.VERIFIED
        if any(_is_same(self._reported, one, shift) for one in new):
            return Refusal.STILL_THERE
        was_broken = kind_of(self._reported) is Kind.SYNTAX and all(
            kind_of(one) is Kind.SYNTAX for one in old
        )
        was_hidden = all(
            kind_of(one) is not Kind.SYNTAX and not shift.is_changed(one.start.line) for one in new
        )
        return Verdict.PARSED if was_broken and was_hidden else Refusal.ADDS

    def _parse(self, before: Report, edited: Document, shift: LineShift) -> Refusal | None:
        """Let the parsers look at the edited text: at syntax, and at names where nobody else does.

        A file for which there is no grammar passes: its checker has the last word.
        """
        if not before.ended_normally:
            return None if self._reporter is not None else Refusal.FAILED
        after = self._own.parse(edited)
        if not after.ended_normally:
            return Refusal.FAILED
        is_own = self._diagnostic.source == OWN_SOURCE
        is_broken = kind_of(self._diagnostic) is Kind.SYNTAX
        old, new = _said(before, names_too=is_own), _said(after, names_too=is_own)
        if is_broken and not is_own and old:
            # Its parser and ours may blame different tokens.
            most = len(old) - (self._reporter is None)
            return None if len(new) <= most else Refusal.BREAKS_SYNTAX
        if is_own:
            found = find(self._diagnostic, before, OWN_SOURCE)
            if found is None:
                return Refusal.STILL_THERE
            old.remove(found.diagnostic)
        complaints = new_complaints(old, new, shift)
        if any(_is_same(self._diagnostic, one, shift) for one in complaints):
            return Refusal.STILL_THERE
        if is_broken:  # names are looked at only where the syntax is right
            complaints = [one for one in complaints if kind_of(one) is Kind.SYNTAX]
        return Refusal.BREAKS_SYNTAX if complaints else None


def find(diagnostic: Diagnostic, report: Report, checker: str) -> Finding | None:
    """Return a diagnostic among those of a checker, None if it does not report it.

    That is the one on the same line with the same code; with that of the same kind where the
    diagnostic comes from another checker, or without a code; the nearest, if there are several.
    """
    kind = kind_of(diagnostic)
    same_source = is_from(diagnostic, checker)
    text = diagnostic.message.strip()

    def fits(other: Diagnostic) -> bool:
        if other.start.line != diagnostic.start.line:
            return False
        if diagnostic.code and (same_source or kind is None):
            return other.code == diagnostic.code
        return other.message.strip() == text or (kind is not None and kind_of(other) is kind)

    found = [finding for finding in report.findings if fits(finding.diagnostic)]
    return min(
        found,
        key=lambda finding: (
            finding.diagnostic.message.strip() != text,
            abs(finding.diagnostic.start.column - diagnostic.start.column),
        ),
        default=None,
    )


def is_from(diagnostic: Diagnostic, checker: str) -> bool:
    """Tell whether a diagnostic's source is how editors call a checker."""
    return diagnostic.source.lower() in _SOURCES.get(checker, (checker,))


def _said(report: Report, *, names_too: bool) -> list[Diagnostic]:
    found = [finding.diagnostic for finding in report.findings]
    return [one for one in found if names_too or kind_of(one) is Kind.SYNTAX]


def _is_same(old: Diagnostic, new: Diagnostic, shift: LineShift) -> bool:
    """Tell whether a complaint about the edited text is one about the old text."""
    return (old.code, old.message) == (new.code, new.message) and new.start.line in shift.lines_of(
        old.start.line
    )


def _in_order_for(
    diagnostic: Diagnostic, checkers: Sequence[Checker], document: Document
) -> tuple[tuple[Checker, ...], Checker | None]:
    """Return the checkers that have a say, and the one that the diagnostic comes from.

    The cheapest guards what the others do; one that the diagnostic does not come from may know it
    in its own words.
    """
    fitting = tuple(checker for checker in checkers if checker.takes(document))
    named = next((checker for checker in fitting if is_from(diagnostic, checker.name)), None)
    if named is None or named is fitting[0]:
        return fitting[:1], named
    return (fitting[0], named), named
