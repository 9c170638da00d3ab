"""A call that does not fit its function: a keyword misspelt, or an argument left out."""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from lsp_server.document import Point
from lsp_server.fixes.candidate import Candidate
from lsp_server.fixes.candidates.nearness import distance_cost, near
from lsp_server.fixes.candidates.site import Site
from lsp_server.fixes.kinds import Kind

_UNKNOWN: Final = re.compile(
    r"(?:[Nn]o parameter named|[Uu]nexpected keyword argument) [\"'`](\w+)[\"'`]"
)
_ANY_KEYWORD: Final = 1.0
_NOT_SAID: Final = 4.0  # that an argument is missing
_MISSING: Final = re.compile(
    r"missing for parameters? ((?:[\"'`]\w+[\"'`](?:, )?)+)"
    r"|missing (?:\d+ required )?(?:positional|keyword-only|named) arguments?:? "
    r"((?:[\"'`]\w+[\"'`](?:, | and )?)+)",
    re.IGNORECASE,
)
_QUOTED: Final = re.compile(r"[\"'`](\w+)[\"'`]")
_MOST: Final = 40
_ALIKE, _ELSEWHERE, _IN_SCOPE = 0.5, 1.5, 3.5


def keyword_of_call(site: Site) -> Iterator[Candidate]:
    """Yield renamings of a call's keyword to a parameter of a function of that name."""
    if site.kind is not Kind.CALL:
        return
    call = _call(site)
    if call is None:
        return
    function = _function(call)
    known = site.names.parameters(function) | {
        one.arg
        for other in site.nodes(ast.Call)
        if isinstance(other, ast.Call) and other is not call and _function(other) == function
        for one in other.keywords
        if one.arg is not None
    }
    missing = set(_missing(site))
    unknown = _UNKNOWN.search(site.diagnostic.message)
    for keyword in call.keywords:
        if keyword.arg is None or (unknown[1] != keyword.arg if unknown else keyword.arg in known):
            continue
        start = site.start_of(keyword)
        end = Point(start.line, start.column + len(keyword.arg))
        best = {name: cost for cost, name in near(keyword.arg, known | missing)}
        for cost, name in near(keyword.arg, site.names.all_parameters):
            best.setdefault(name, cost + _ANY_KEYWORD)
        for name, cost in best.items():
            yield site.replaced(f"Rename to `{name}`", start, end, name, cost)


def missing_argument(site: Site) -> Iterator[Candidate]:
    """Yield arguments that other calls of the function have, and names in scope."""
    if site.kind is not Kind.CALL:
        return
    call = _call(site)
    if call is None or any(isinstance(one, ast.Starred) for one in call.args):
        return
    if _UNKNOWN.search(site.diagnostic.message):
        return
    said = _MISSING.search(site.diagnostic.message) or not call.keywords
    extra = 0.0 if said else _NOT_SAID
    wanted = _missing(site)
    found: dict[tuple[int, str], float] = {}
    for index in range(len(call.args) + 1):
        # Checkers name the parameters that are left over: they are the last ones.
        shift = 0.7 * (len(call.args) - index)
        for text, cost in _expressions(site, call, index, wanted):
            key = index, text
            found[key] = min(found.get(key, extra + cost + shift), extra + cost + shift)
    for (index, text), cost in sorted(found.items(), key=lambda item: item[1])[:_MOST]:
        yield _with_argument(site, call, index, text, cost)


def _call(site: Site) -> ast.Call | None:
    """Return the innermost call around the diagnostic, or the one that it covers."""
    calls = [node for node in site.nodes(ast.Call) if isinstance(node, ast.Call)]
    start, end = site.diagnostic.start, site.diagnostic.end
    exact = [one for one in calls if site.start_of(one) == start and site.end_of(one) == end]
    around = [one for one in calls if site.start_of(one) <= start and end <= site.end_of(one)]
    return min(
        exact or around, key=lambda one: _extent(site.start_of(one), site.end_of(one)), default=None
    )


def _extent(start: Point, end: Point) -> tuple[int, int]:
    return end.line - start.line, end.column - start.column


def _function(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _missing(site: Site) -> list[str]:
    """Return the parameters that a message says are without an argument."""
    found = _MISSING.search(site.diagnostic.message)
    return _QUOTED.findall(found[1] or found[2]) if found else []


def _expressions(
    site: Site, call: ast.Call, index: int, wanted: Sequence[str]
) -> Iterator[tuple[str, float]]:
    """Yield what may stand as the argument at a place, with costs."""
    visible = _visible(site, call)
    members = _of_self(site)
    for name in wanted:
        if name in visible:
            yield name, 0.0
        if name in members:
            yield f"self.{name}", 0.3
        for other in visible:
            if other != name and (
                distance_cost(other, name) is not None or {*other.split("_")} & {*name.split("_")}
            ):
                yield other, _ALIKE + 0.5
        yield from (
            (f"self.{other}", _ALIKE + 1.0)
            for other in members
            if {*other.strip("_").split("_")} & {*name.split("_")}
        )
    function = _function(call)
    others: Counter[str] = Counter()
    for node in site.nodes(ast.Call):
        if isinstance(node, ast.Call) and node is not call and _function(node) == function:
            others.update(ast.unparse(one) for one in node.args[index : index + 1])
    for text, count in others.most_common(_MOST // 4):
        yield text, _ELSEWHERE - 0.2 * min(count, 4)
    for name, cost in visible.items():
        yield name, _IN_SCOPE + cost


def _visible(site: Site, call: ast.Call) -> dict[str, float]:
    """Return the variables around a call: the nearest cost least; those it names cost more."""
    functions = [
        node for node in site.around if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    body: list[ast.AST] = [functions[0]] if functions else [*site.nodes(ast.Module)]
    begin = _statement_line(site, call)
    last: dict[str, int] = {}
    for root in body:
        for node in ast.walk(root):
            match node:
                case ast.arg(arg=name, lineno=line):
                    last[name] = max(last.get(name, 0), line)
                case ast.Name(id=name, lineno=line, ctx=ast.Store()) if line < begin:
                    last[name] = max(last.get(name, 0), line)
    inside = {node.id for node in ast.walk(call) if isinstance(node, ast.Name)}
    order = sorted(last, key=lambda name: -last[name])
    return {
        name: 0.1 * rank + (1.0 if name in inside else 0.0)
        for rank, name in enumerate(order)
        if name != "_"
    }


def _statement_line(site: Site, call: ast.Call) -> int:
    """Return the first line of the innermost statement around a call, from 1."""
    return max(
        (
            node.lineno
            for node in site.nodes(ast.stmt)
            if isinstance(node, ast.stmt) and node.lineno <= call.lineno <= (node.end_lineno or 0)
        ),
        default=call.lineno,
    )


def _of_self(site: Site) -> frozenset[str]:
    owner = next((node for node in site.around if isinstance(node, ast.ClassDef)), None)
    if owner is None:
        return frozenset()
    return frozenset(
        node.attr
        for node in ast.walk(owner)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    )


def _with_argument(site: Site, call: ast.Call, index: int, text: str, cost: float) -> Candidate:
    title = f"Add the argument `{text}`"
    if index < len(call.args):
        place = site.start_of(call.args[index])
        return site.replaced(title, place, place, f"{text}, ", cost)
    if call.args:
        place = site.end_of(call.args[-1])
        return site.replaced(title, place, place, f", {text}", cost)
    behind = site.end_of(call.func)
    line = site.lines[behind.line]
    place = Point(behind.line, line.find("(", behind.column) + 1)
    ending = ", " if call.keywords else ""
    return site.replaced(title, place, place, f"{text}{ending}", cost)
