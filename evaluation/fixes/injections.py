"""One function for each kind of bug: makes a correct file wrong in one place, as people do."""

import ast
import re
import sys
from collections.abc import Sequence
from random import Random
from typing import Final, TypeVar

from evaluation.fixes.original import Original
from training import bugs

_Item = TypeVar("_Item")

_OPENING: Final = re.compile(r"[(\[{]")
_CLOSING: Final = re.compile(r"[)\]}]")
_FROM: Final = re.compile(r"(from [\w.]+ import )(\w+(?:, \w+)+)")
_HEADER: Final = re.compile(r"[ ]*(?:async )?def \w+\((self(?:, )?)")
_NEW_NAMES: Final = ("result", "value", "total", "index", "start", "count", "data", "current")
_TRIES: Final = 8
_EXCEPTION_SHARE: Final = 0.3  # of unused variables
_JOINED_SHARE: Final = 0.4  # of unused imports, in a statement that is there
_PARAMETER_SHARE: Final = 0.5  # of missing `self`


def undefined_name(rng: Random, original: Original) -> str | None:
    """Misspell one use of a name."""
    return _misspelt(rng, original, [*original.nodes(ast.Name)])


def wrong_attribute(rng: Random, original: Original) -> str | None:
    """Misspell an attribute that is read."""
    return _misspelt(rng, original, [*original.nodes(ast.Attribute)])


def wrong_argument(rng: Random, original: Original) -> str | None:
    """Misspell the keyword of an argument."""
    found = [
        keyword for call in original.nodes(ast.Call) for keyword in call.keywords if keyword.arg
    ]
    for keyword in _some(rng, found):
        wrong = bugs.misspell_name(rng, keyword.arg or "")
        if wrong:
            end = keyword.col_offset + len(keyword.arg or "")
            return original.with_part(keyword.lineno - 1, keyword.col_offset, end, wrong)
    return None


def missing_argument(rng: Random, original: Original) -> str | None:
    """Leave out one argument of a call."""
    for call in _some(rng, [call for call in original.nodes(ast.Call) if call.args]):
        parts: list[ast.expr | ast.keyword] = [*call.args, *call.keywords]
        parts.sort(key=lambda part: part.col_offset)
        gone = rng.randrange(len(parts))
        start, end = parts[gone].col_offset, parts[gone].end_col_offset or 0
        if gone:
            start = parts[gone - 1].end_col_offset or 0
        elif len(parts) > 1:
            end = parts[1].col_offset
        return original.with_part(call.lineno - 1, start, end, "")
    return None


def missing_import(rng: Random, original: Original) -> str | None:
    """Remove an import line, or one name of several from it."""
    top = [
        number
        for number, line in enumerate(original.lines)
        if (_FROM.fullmatch(line) or bugs.drop_import(rng, line) == "") and "__future__" not in line
    ]
    for number in _some(rng, top):
        several = _FROM.fullmatch(original.lines[number])
        if several is None:
            return original.with_line(number)
        names = several[2].split(", ")
        names.remove(rng.choice(names))
        return original.with_line(number, several[1] + ", ".join(names))
    return None


def unbalanced_bracket(rng: Random, original: Original) -> str | None:
    """Drop an opening or a closing bracket, or write a closing one twice."""
    for number in _some(rng, _code_lines(original)):
        line = original.lines[number]
        way = rng.choice(("closing", "closing", "opening", "twice"))
        found = [*(_OPENING if way == "opening" else _CLOSING).finditer(line)]
        if found:
            at = rng.choice(found).start()
            return original.with_part(number, at, at + 1, line[at] * 2 if way == "twice" else "")
    return None


def missing_colon(rng: Random, original: Original) -> str | None:
    """Drop the colon of a header."""
    for number in _some(rng, _code_lines(original)):
        wrong = bugs.drop_colon(rng, original.lines[number])
        if wrong is not None:
            return original.with_line(number, wrong)
    return None


def broken_indentation(rng: Random, original: Original) -> str | None:
    """Move one line to the left or to the right."""
    for number in _some(rng, _code_lines(original)):
        line = original.lines[number]
        by = rng.choice((-4, -4, -2, -1, 1, 2, 4, 4))
        blanks = len(line) - len(line.lstrip(" "))
        if blanks + by >= 0:
            return original.with_line(number, " " * (blanks + by) + line.lstrip(" "))
    return None


def none_comparison(rng: Random, original: Original) -> str | None:
    """Compare with None by == or !=."""
    for number in rng.sample(_code_lines(original), len(_code_lines(original))):
        wrong = bugs.compare_with_none(rng, original.lines[number])
        if wrong is not None:
            return original.with_line(number, wrong)
    return None


def unused_variable(rng: Random, original: Original) -> str | None:
    """Assign a name that nothing reads; or name an exception that nothing looks at."""
    bare = [
        number
        for number, line in enumerate(original.lines)
        if re.fullmatch(r" *except [\w.]+:", line)
    ]
    if bare and rng.random() < _EXCEPTION_SHARE:
        number = rng.choice(bare)
        return original.with_line(number, f"{original.lines[number][:-1]} as error:")
    functions = [
        node
        for node in ast.walk(original.tree)
        if isinstance(node, ast.FunctionDef) and len(node.body) > 1
    ]
    for function in _some(rng, functions):
        statement = rng.choice(function.body[1:])
        names = [node.id for node in ast.walk(function) if isinstance(node, ast.Name)]
        name = rng.choice(_NEW_NAMES)
        if name in original.file.text or statement.lineno < function.body[0].lineno or not names:
            continue
        value = rng.choice(("None", "0", "[]", rng.choice(names), f"len({rng.choice(names)})"))
        line = f"{' ' * statement.col_offset}{name} = {value}"
        number = statement.lineno - 1
        if original.lines[number][: statement.col_offset].strip():
            continue
        return original.with_line(number, line, original.lines[number])
    return None


def unused_import(rng: Random, original: Original) -> str | None:
    """Import something that nothing uses."""
    top = [
        number
        for number, line in enumerate(original.lines)
        if re.fullmatch(r"(import \w+|from [\w.]+ import \w+(, \w+)*)", line)
    ]
    for number in _some(rng, top):
        line = original.lines[number]
        module = rng.choice(sorted(name for name in sys.stdlib_module_names if name[0] != "_"))
        if re.search(rf"\b{module}\b", original.file.text):
            continue
        if line.startswith("from") and rng.random() < _JOINED_SHARE:
            base = line.partition(" ")[2].partition(" ")[0].rpartition(".")[2]
            extra = f"{base or 'some'}_options"
            return original.with_line(number, f"{line}, {extra}")
        return original.with_line(number, f"import {module}", line)
    return None


def missing_await(rng: Random, original: Original) -> str | None:
    """Drop an await."""
    for node in _some(rng, [*original.nodes(ast.Await)]):
        start = node.col_offset
        return original.with_part(node.lineno - 1, start, node.value.col_offset, "")
    return None


def missing_self(rng: Random, original: Original) -> str | None:
    """Leave `self` out of a method's parameters, or of an attribute's use."""
    if rng.random() < _PARAMETER_SHARE:
        headers = [
            (number, found)
            for number, line in enumerate(original.lines)
            if (found := _HEADER.match(line)) is not None
        ]
        for number, found in _some(rng, headers):
            return original.with_part(number, found.start(1), found.end(1), "")
        return None
    of_self = [
        node
        for node in original.nodes(ast.Attribute)
        if isinstance(node.value, ast.Name) and node.value.id == "self"
    ]
    for node in _some(rng, of_self):
        start = node.col_offset
        return original.with_part(node.lineno - 1, start, start + len("self."), "")
    return None


def missing_return(rng: Random, original: Original) -> str | None:
    """Drop the word `return` before a value."""
    returns = [
        node
        for node in ast.walk(original.tree)
        if isinstance(node, ast.Return)
        and node.value is not None
        and node.value.lineno == node.lineno
        and original.lines[node.lineno - 1].isascii()
    ]
    for node in _some(rng, returns):
        start = node.col_offset
        end = node.value.col_offset if node.value is not None else start
        if original.lines[node.lineno - 1][start:end] == "return ":
            return original.with_part(node.lineno - 1, start, end, "")
    return None


def _misspelt(
    rng: Random, original: Original, nodes: Sequence[ast.Name | ast.Attribute]
) -> str | None:
    read = [node for node in nodes if isinstance(node.ctx, ast.Load)]
    for node in _some(rng, read):
        name = node.id if isinstance(node, ast.Name) else node.attr
        wrong = bugs.misspell_name(rng, name)
        end = node.end_col_offset
        if wrong and end is not None:
            return original.with_part(node.lineno - 1, end - len(name), end, wrong)
    return None


def _code_lines(original: Original) -> list[int]:
    """Return the lines that hold something, other than those that begin a comment or string."""
    return [
        number
        for number, line in enumerate(original.lines)
        if line.strip() and not line.lstrip().startswith(("#", '"', "'"))
    ]


def _some(rng: Random, items: Sequence[_Item]) -> list[_Item]:
    """Return a few items in random order."""
    return rng.sample(items, min(len(items), _TRIES))
