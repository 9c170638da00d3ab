"""Reads which parameters a comment describes, how often, and whether it tells what is returned."""

import re
from dataclasses import dataclass
from typing import Final

from lsp_server.docstrings.comments.dialect import Dialect

_SIGNS: Final = re.compile(r"^[ \t]*(?:/\*[*!]|\*/|\*|//[/!]?)[ \t]?", re.MULTILINE)
_PARAM: Final = re.compile(
    r"^[@\\](?:param|tparam)(?:\[[\w,]+\])?[ \t]+(?:\{(?:[^{}]|\{[^{}]*\})*\}[ \t]+)?"
    r"(?P<name>\[[^\]\n]*\]|<\w+>|\.\.\.|[\w$]+)",
    re.MULTILINE,
)
_RETURN: Final = re.compile(r"^[@\\](?:returns?|result)\b", re.MULTILINE)
_YIELD: Final = re.compile(r"^[@\\]yields?\b", re.MULTILINE)
_THROW: Final = re.compile(r"^[@\\](?:throws|exception|throw)[ \t]+(?P<name>[\w.$]+)", re.MULTILINE)
_RUST_ARGUMENT: Final = re.compile(r"^[*-] `(?P<name>[^`\n]+)`", re.MULTILINE)
_RUST_RETURNS: Final = re.compile(r"^# Returns$", re.MULTILINE)
_GO_PARAMETER: Final = re.compile(r"^ {2}- (?P<name>\w+):", re.MULTILINE)
_GO_RETURNS: Final = re.compile(r"^Returns:", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadComment:
    """What a comment describes."""

    parameters: tuple[str, ...]  # as often as each is described
    returns: int
    yields: int
    raises: tuple[str, ...]


def read_comment(comment: str, dialect: Dialect) -> ReadComment:
    """Read a comment.

    Args:
        comment: its source, LF line ends, indented as in the file.
        dialect: of its language.
    """
    text = _SIGNS.sub("", comment)
    if dialect is Dialect.RUSTDOC:
        return ReadComment(
            parameters=tuple(_RUST_ARGUMENT.findall(text)),
            returns=len(_RUST_RETURNS.findall(text)),
            yields=0,
            raises=(),
        )
    if dialect is Dialect.GODOC:
        return ReadComment(
            parameters=tuple(_GO_PARAMETER.findall(text)),
            returns=len(_GO_RETURNS.findall(text)),
            yields=0,
            raises=(),
        )
    return ReadComment(
        parameters=tuple(_bare(name) for name in _PARAM.findall(text)),
        returns=len(_RETURN.findall(text)),
        yields=len(_YIELD.findall(text)),
        raises=tuple(_THROW.findall(text)),
    )


def _bare(name: str) -> str:
    """Return a name without the brackets and the default of an optional one."""
    return name.strip("[]").partition("=")[0].strip() if name.startswith("[") else name
