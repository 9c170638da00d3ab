"""Finds functions with short docstrings: the material of the docstring task."""

import ast
import warnings
from random import Random

from training.format import Hole

MAX_DOCSTRING_CHARS = 500
_AROUND_CHARS = 1_200


def docstring_hole(rng: Random, text: str) -> Hole | None:
    """Cuts the docstring of one function out of a Python file; None when there is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in other people's strings
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None
    found = [
        (node, statement)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for statement in node.body[:1]
        if isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
        and len(node.body) > 1
        and len(statement.value.value) <= MAX_DOCSTRING_CHARS
    ]
    if not found:
        return None
    node, statement = rng.choice(found)
    lines = text.split("\n")
    offsets = [0]
    for line in lines:
        offsets.append(offsets[-1] + len(line) + 1)

    def position(line: int, byte_column: int) -> int:
        # ast counts columns in UTF-8 bytes
        characters = len(lines[line - 1].encode()[:byte_column].decode(errors="ignore"))
        return offsets[line - 1] + characters

    end_line, end_column = statement.end_lineno, statement.end_col_offset
    node_end = node.end_lineno
    if end_line is None or end_column is None or node_end is None:
        return None
    start, end = position(statement.lineno, statement.col_offset), position(end_line, end_column)
    first = text.rfind("\n", 0, max(0, offsets[node.lineno - 1] - rng.randint(0, _AROUND_CHARS)))
    last = min(offsets[node_end] - 1, text.rfind("\n", 0, end + _AROUND_CHARS) + 1)
    return Hole(prefix=text[first + 1 : start], middle=text[start:end], suffix=text[end:last])
