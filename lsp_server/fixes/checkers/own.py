"""Mixline's own parsers as a checker: syntax errors of every grammar, undefined names in Python."""

import asyncio

from lsp_server.document import Document
from lsp_server.fixes.checkers.checker import CheckedFile, Finding, Report
from lsp_server.fixes.diagnostic import Diagnostic
from lsp_server.fixes.kinds import OWN_SOURCE, Kind
from lsp_server.syntax.faults import (
    Fault,
    compile_fault,
    parsed_whole,
    syntax_faults,
    unresolved_names,
)
from lsp_server.syntax.grammars import grammar_name


class OwnParsers:
    """Takes every language that there is a grammar for; needs no program and no trust."""

    name = "parser"

    def takes(self, document: Document) -> bool:
        """Whatever a grammar is installed for."""
        return grammar_name(document.language, document.uri) is not None

    async def check(self, file: CheckedFile) -> Report:
        """Parse the text in a thread."""
        return await asyncio.to_thread(self.parse, file.document)

    def parse(self, document: Document) -> Report:
        """Return what the parsers say about a text."""
        parsed = parsed_whole(document, document.uri)
        if parsed is None:
            return Report(
                problem="there is no grammar for this file, or it takes too long to parse"
            )
        syntax = list(syntax_faults(parsed))
        is_python = grammar_name(document.language, document.uri) == "python"
        if is_python and (fault := compile_fault(document)) is not None:
            # CPython names the error that tree-sitter only sees the traces of.
            syntax = [fault, *(one for one in syntax if one.start.line != fault.start.line)]
        findings = [_finding(fault, Kind.SYNTAX) for fault in syntax]
        if not syntax:
            names = unresolved_names(parsed)
            findings += [_finding(fault, Kind.UNDEFINED_NAME) for fault, _ in names]
        return Report(findings=tuple(findings))

    def close(self) -> None:
        """Nothing runs on."""


def _finding(fault: Fault, kind: Kind) -> Finding:
    return Finding(
        diagnostic=Diagnostic(
            start=fault.start,
            end=fault.end,
            code=kind.value,
            message=fault.message,
            source=OWN_SOURCE,
        )
    )
