"""The kinds of bugs, by which checker sees them and what it calls them."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final

from evaluation.fixes import injections
from evaluation.fixes.original import Original


class Checker(StrEnum):
    """Who has to report a bug."""

    RUFF = "ruff"
    PYRIGHT = "basedpyright"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How a kind of bug is made, and how it is recognised in what a checker says."""

    name: str
    inject: Callable[[Random, Original], str | None]
    checker: Checker
    codes: tuple[str, ...]  # of the checker's rules


_SYNTAX: Final = ("invalid-syntax",)
KINDS: Final = (
    Kind(
        name="undefined name",
        inject=injections.undefined_name,
        checker=Checker.RUFF,
        codes=("F821",),
    ),
    Kind(
        name="missing import",
        inject=injections.missing_import,
        checker=Checker.RUFF,
        codes=("F821",),
    ),
    Kind(
        name="wrong attribute",
        inject=injections.wrong_attribute,
        checker=Checker.PYRIGHT,
        codes=("reportAttributeAccessIssue",),
    ),
    Kind(
        name="wrong argument",
        inject=injections.wrong_argument,
        checker=Checker.PYRIGHT,
        codes=("reportCallIssue",),
    ),
    Kind(
        name="missing argument",
        inject=injections.missing_argument,
        checker=Checker.PYRIGHT,
        codes=("reportCallIssue",),
    ),
    Kind(
        name="unbalanced bracket",
        inject=injections.unbalanced_bracket,
        checker=Checker.RUFF,
        codes=_SYNTAX,
    ),
    Kind(
        name="missing colon", inject=injections.missing_colon, checker=Checker.RUFF, codes=_SYNTAX
    ),
    Kind(
        name="broken indentation",
        inject=injections.broken_indentation,
        checker=Checker.RUFF,
        codes=_SYNTAX,
    ),
    Kind(
        name="comparison with None",
        inject=injections.none_comparison,
        checker=Checker.RUFF,
        codes=("E711",),
    ),
    Kind(
        name="unused variable",
        inject=injections.unused_variable,
        checker=Checker.RUFF,
        codes=("F841",),
    ),
    Kind(
        name="unused import", inject=injections.unused_import, checker=Checker.RUFF, codes=("F401",)
    ),
    Kind(
        name="missing await",
        inject=injections.missing_await,
        checker=Checker.PYRIGHT,
        codes=("reportUnusedCoroutine", "reportAttributeAccessIssue", "reportGeneralTypeIssues"),
    ),
    Kind(
        name="missing self", inject=injections.missing_self, checker=Checker.RUFF, codes=("F821",)
    ),
    Kind(
        name="missing return",
        inject=injections.missing_return,
        checker=Checker.PYRIGHT,
        codes=("reportReturnType", "reportUnusedExpression"),
    ),
)
