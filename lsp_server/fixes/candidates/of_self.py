"""A name that a method lacks its `self` for: the prefix of an attribute, or the parameter."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from lsp_server.document import Point
from lsp_server.fixes.candidate import Candidate
from lsp_server.fixes.candidates.nearness import distance_cost
from lsp_server.fixes.candidates.site import Site
from lsp_server.fixes.kinds import Kind

_RECEIVERS: Final = {"self": 0.2, "cls": 0.4}
_MEMBER: Final = 0.3
_UNKNOWN: Final = 7.0  # of a class whose bases may have it
_USED: Final = 2.0  # the same, if the workspace has such an attribute
_USED_HERE: Final = 1.2  # if something in this very file has it
_OF_EVERY_OBJECT: Final = frozenset({"__dict__", "__class__", "__doc__", "__module__"})
_TWO_FAULTS: Final = 3.0
_CALLED: Final = 0.5
_HEAD: Final = re.compile(r"\bdef\s+\w+\s*\(")


def receiver_parameter(site: Site) -> Iterator[Candidate]:
    """Yield the missing first parameter of the method around."""
    _, name = site.word
    if site.kind is not Kind.UNDEFINED_NAME or name not in _RECEIVERS:
        return
    owners = [*site.around]
    for inner, outer in pairwise(owners):
        if not isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if not isinstance(outer, ast.ClassDef):
            continue
        row = inner.lineno - 1
        found = _HEAD.search(site.lines[row])
        if found is not None:
            has_more = bool(inner.args.args or inner.args.kwonlyargs or inner.args.vararg)
            has_more = has_more or inner.args.kwarg is not None or bool(inner.args.posonlyargs)
            place = Point(row, found.end())
            text = f"{name}, " if has_more else name
            yield site.replaced(f"Add the parameter `{name}`", place, place, text, _RECEIVERS[name])
        return


def receiver_prefix(site: Site) -> Iterator[Candidate]:
    """Yield the prefix that makes the name an attribute of the method's object."""
    start, name = site.word
    if site.kind is not Kind.UNDEFINED_NAME or not name or name in _RECEIVERS:
        return
    receiver, owner = _method(site)
    if receiver is None or owner is None:
        return
    members = _members(site, owner)
    end = Point(start.line, start.column + len(name))
    if name in members or name in _OF_EVERY_OBJECT:
        text = f"{receiver}.{name}"
        yield site.replaced(f"Rename to `{text}`", start, end, text, _MEMBER)
        return
    if owner.bases:
        text = f"{receiver}.{name}"
        line = site.lines[start.line]
        cost = _USED if site.names.attributes[name] else _UNKNOWN
        if f".{name}" in site.document.text():
            cost = _USED_HERE
        cost -= _CALLED * line.startswith("(", end.column)
        yield site.replaced(f"Rename to `{text}`", start, end, text, cost)
    for member in members:
        slip = distance_cost(name, member)
        if slip is not None:
            text = f"{receiver}.{member}"
            yield site.replaced(f"Rename to `{text}`", start, end, text, slip + _TWO_FAULTS)


def _method(site: Site) -> tuple[str | None, ast.ClassDef | None]:
    """Return the first parameter of the method around, and its class."""
    owners = [*site.around]
    for inner, outer in pairwise(owners):
        if isinstance(outer, ast.ClassDef) and isinstance(
            inner, ast.FunctionDef | ast.AsyncFunctionDef
        ):
            parameters = [*inner.args.posonlyargs, *inner.args.args]
            decorators = {ast.unparse(one) for one in inner.decorator_list}
            if not parameters or "staticmethod" in decorators:
                return None, None
            return parameters[0].arg, outer
    return None, None


def _members(site: Site, owner: ast.ClassDef) -> frozenset[str]:
    """Return what a class and the bases that are known have."""
    found = set(site.names.members(owner.name))
    for node in ast.walk(owner):
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name):
                found.add(name)
    for node in owner.body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found.add(name)
            case ast.AnnAssign(target=ast.Name(id=name)):
                found.add(name)
            case ast.Assign(targets=[ast.Name(id=name)]):
                found.add(name)
    for base in owner.bases:
        name = base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
        found |= site.names.members(name)
    return frozenset(found)
