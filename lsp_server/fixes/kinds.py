"""What a diagnostic complains of, whichever checker says so: the same fault has many names."""

import re
from enum import StrEnum
from typing import Final

from lsp_server.fixes.diagnostic import ERROR, Diagnostic

OWN_SOURCE: Final = "mixline"
"""The source of diagnostics that Mixline's own parsers find."""

_MAX_READ_CHARACTERS: Final = 500  # of a message; what follows says nothing that is needed


class Kind(StrEnum):
    """A fault that has to be known by more than its code."""

    SYNTAX = "syntax"
    UNDEFINED_NAME = "undefined-name"
    UNKNOWN_ATTRIBUTE = "unknown-attribute"
    UNKNOWN_MODULE = "unknown-module"
    UNUSED_IMPORT = "unused-import"
    UNUSED_VARIABLE = "unused-variable"
    NONE_COMPARISON = "none-comparison"
    CALL = "call"  # that does not fit its function
    UNUSED_COROUTINE = "unused-coroutine"
    MISSING_RETURN = "missing-return"
    UNUSED_EXPRESSION = "unused-expression"


# By code, in small letters. ruff and flake8, pyright, mypy, pylint, TypeScript, eslint, our own.
_CODES: Final = {
    "invalid-syntax": Kind.SYNTAX,
    "syntax-error": Kind.SYNTAX,
    "syntax": Kind.SYNTAX,
    "e999": Kind.SYNTAX,
    "e0001": Kind.SYNTAX,
    "f821": Kind.UNDEFINED_NAME,
    "reportundefinedvariable": Kind.UNDEFINED_NAME,
    "name-defined": Kind.UNDEFINED_NAME,
    "e0602": Kind.UNDEFINED_NAME,
    "undefined-variable": Kind.UNDEFINED_NAME,
    "undefined-name": Kind.UNDEFINED_NAME,
    "2304": Kind.UNDEFINED_NAME,
    "2552": Kind.UNDEFINED_NAME,
    "no-undef": Kind.UNDEFINED_NAME,
    "reportattributeaccessissue": Kind.UNKNOWN_ATTRIBUTE,
    "attr-defined": Kind.UNKNOWN_ATTRIBUTE,
    "e1101": Kind.UNKNOWN_ATTRIBUTE,
    "no-member": Kind.UNKNOWN_ATTRIBUTE,
    "2339": Kind.UNKNOWN_ATTRIBUTE,
    "2551": Kind.UNKNOWN_ATTRIBUTE,
    "reportmissingimports": Kind.UNKNOWN_MODULE,
    "import-not-found": Kind.UNKNOWN_MODULE,
    "import-error": Kind.UNKNOWN_MODULE,
    "e0401": Kind.UNKNOWN_MODULE,
    "2307": Kind.UNKNOWN_MODULE,
    "f401": Kind.UNUSED_IMPORT,
    "reportunusedimport": Kind.UNUSED_IMPORT,
    "w0611": Kind.UNUSED_IMPORT,
    "unused-import": Kind.UNUSED_IMPORT,
    "f841": Kind.UNUSED_VARIABLE,
    "reportunusedvariable": Kind.UNUSED_VARIABLE,
    "w0612": Kind.UNUSED_VARIABLE,
    "unused-variable": Kind.UNUSED_VARIABLE,
    "no-unused-vars": Kind.UNUSED_VARIABLE,
    "@typescript-eslint/no-unused-vars": Kind.UNUSED_VARIABLE,
    "6133": Kind.UNUSED_VARIABLE,
    "e711": Kind.NONE_COMPARISON,
    "c0121": Kind.NONE_COMPARISON,
    "singleton-comparison": Kind.NONE_COMPARISON,
    "reportcallissue": Kind.CALL,
    "call-arg": Kind.CALL,
    "call-overload": Kind.CALL,
    "e1120": Kind.CALL,
    "e1123": Kind.CALL,
    "no-value-for-parameter": Kind.CALL,
    "unexpected-keyword-arg": Kind.CALL,
    "reportunusedcoroutine": Kind.UNUSED_COROUTINE,
    "unused-coroutine": Kind.UNUSED_COROUTINE,
    "unused-awaitable": Kind.UNUSED_COROUTINE,
    "reportreturntype": Kind.MISSING_RETURN,
    "return": Kind.MISSING_RETURN,
    "reportunusedexpression": Kind.UNUSED_EXPRESSION,
    "b018": Kind.UNUSED_EXPRESSION,
    "pointless-statement": Kind.UNUSED_EXPRESSION,
}
# By message in small letters, for those that come without a code (pyflakes, pyright's parser, ...).
_MESSAGES: Final = (
    (Kind.UNDEFINED_NAME, re.compile(r"undefined name|is not defined|cannot find name")),
    (Kind.UNUSED_IMPORT, re.compile(r"imported but unused")),
    (Kind.UNUSED_VARIABLE, re.compile(r"assigned to but never used")),
    (Kind.SYNTAX, re.compile(r"syntax ?error|invalid syntax|was never closed|indent")),
)
# pyright's parser gives its complaints no code.
_PARSERS_WITHOUT_CODES: Final = frozenset({"pyright", "basedpyright", "pylance"})
_QUOTED: Final = re.compile("[`'\"\u201c\u2018]([^\\W\\d]\\w*)[`'\"\u201d\u2019]")


def kind_of(diagnostic: Diagnostic) -> Kind | None:
    """Return the kind of a diagnostic, None if it is none of those above."""
    code = diagnostic.code.lower()
    if code in _CODES:
        return _CODES[code]
    if code:
        return None
    message = diagnostic.message[:_MAX_READ_CHARACTERS].lower()
    for kind, pattern in _MESSAGES:
        if pattern.search(message):
            return kind
    is_parser = diagnostic.source.lower() in _PARSERS_WITHOUT_CODES
    return Kind.SYNTAX if is_parser and diagnostic.severity == ERROR else None


def named_in(diagnostic: Diagnostic) -> tuple[str, ...]:
    """Return the names that a message quotes, in its order."""
    return tuple(_QUOTED.findall(diagnostic.message[:_MAX_READ_CHARACTERS]))
