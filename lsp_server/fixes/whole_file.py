"""All that checkers say of one file, with the fixes for it: what `mixline fix` does."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from lsp_server.document import Document
from lsp_server.fixes.checkers.checker import CheckedFile
from lsp_server.fixes.checkers.own import OwnParsers
from lsp_server.fixes.checkers.programs import Surroundings
from lsp_server.fixes.diagnostic import Diagnostic
from lsp_server.fixes.kinds import kind_of
from lsp_server.fixes.search import Faulty, Tools, search
from lsp_server.fixes.toolbox import Toolbox
from lsp_server.fixes.verification import Baseline, Fix, Verdict

_MOST_DIAGNOSTICS: Final = 200
_MOST_APPLIED: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """One diagnostic with the fix that is offered for it."""

    document: Document  # that the fix is for
    diagnostic: Diagnostic
    fix: Fix


class WholeFile:
    """The diagnostics and fixes of one file, in whatever state its text is.

    Args:
        toolbox: finds the checkers.
        file: as it is on disk.
        around: which checkers may run.
    """

    def __init__(self, toolbox: Toolbox, file: CheckedFile, around: Surroundings) -> None:
        self._toolbox = toolbox
        self._file = file
        self._around = around

    async def diagnostics(self, document: Document) -> tuple[Baseline, list[Diagnostic]]:
        """Ask all checkers; a fault that two of them see is the first one's.

        Our own parsers are asked where nobody else could say anything.
        """
        baseline = Baseline(replace(self._file, document=document))
        found: list[Diagnostic] = []
        asked = False
        for checker in (*self._toolbox.checkers(self._around), OwnParsers()):
            if not checker.takes(document) or (asked and checker.name == OwnParsers.name):
                continue
            report = await baseline.report(checker)
            asked = asked or report.ended_normally
            said = [finding.diagnostic for finding in report.findings]
            found += [one for one in said if not _is_known(one, found)]
        return baseline, sorted(found, key=lambda one: one.start)[:_MOST_DIAGNOSTICS]

    async def fixes(self, document: Document) -> AsyncIterator[Fixed]:
        """Yield a fix for each diagnostic that there is one for; each text is offered once."""
        baseline, diagnostics = await self.diagnostics(document)
        if not diagnostics:
            return
        tools = self._toolbox.tools(baseline.file, self._around)
        offered: set[tuple[str, ...]] = set()
        for diagnostic in diagnostics:
            fix = await _first(baseline, diagnostic, tools)
            if fix is not None and fix.edited.lines not in offered:
                offered.add(fix.edited.lines)
                yield Fixed(document=document, diagnostic=diagnostic, fix=fix)

    async def fixes_at(
        self, document: Document, row: int, otherwise: Diagnostic | None
    ) -> list[Fixed]:
        """Return fixes for what checkers say of one line.

        Args:
            document: the text.
            row: the line, from 0.
            otherwise: searched for where the checkers have nothing to say of the line.
        """
        baseline, diagnostics = await self.diagnostics(document)
        here = [one for one in diagnostics if one.start.line == row]
        wanted = here or ([] if otherwise is None else [otherwise])
        if not wanted:
            return []
        tools = self._toolbox.tools(baseline.file, self._around)
        found = [(one, await _first(baseline, one, tools)) for one in wanted]
        return [
            Fixed(document=document, diagnostic=diagnostic, fix=fix)
            for diagnostic, fix in found
            if fix is not None
        ]

    async def apply(self, document: Document) -> tuple[Document, list[Fixed]]:
        """Make verified fixes one after the other, each in the text that the last one left.

        Returns:
            The text, and what was done to it, in that order.
        """
        done: list[Fixed] = []
        hopeless: set[tuple[str, str, str]] = set()
        while len(done) < _MOST_APPLIED:
            baseline, diagnostics = await self.diagnostics(document)
            if not diagnostics:
                break
            tools = self._toolbox.tools(baseline.file, self._around)
            for diagnostic in diagnostics:
                line = document.line(min(diagnostic.start.line, len(document.lines) - 1))
                key = diagnostic.code, diagnostic.message, line
                if key in hopeless:
                    continue
                fix = await _first(baseline, diagnostic, tools)
                if fix is not None and fix.verdict is Verdict.VERIFIED:
                    done.append(Fixed(document=document, diagnostic=diagnostic, fix=fix))
                    document = fix.edited
                    break
                hopeless.add(key)
            else:
                break
        return document, done


async def _first(baseline: Baseline, diagnostic: Diagnostic, tools: Tools) -> Fix | None:
    found = await search(Faulty(baseline=baseline, diagnostic=diagnostic), tools)
    return found.fixes[0] if found.fixes else None


def _is_known(diagnostic: Diagnostic, found: Sequence[Diagnostic]) -> bool:
    """Tell whether another checker has reported the same fault at the same place."""
    kind = kind_of(diagnostic)
    return any(
        other.source != diagnostic.source
        and other.start == diagnostic.start
        and kind is not None
        and kind_of(other) is kind
        for other in found
    )
