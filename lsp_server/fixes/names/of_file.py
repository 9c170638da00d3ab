"""What one Python file says of names: imports, definitions, members, parameters; by patterns.

A workspace has hundreds of files, most of them read once: patterns take a tenth of a parser's time.
"""

import re
from collections import Counter
from functools import cached_property
from typing import Final, NamedTuple

_IMPORT: Final = re.compile(
    r"^[ \t]*(?:from[ \t]+([.\w]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n#(]+)|import[ \t]+([^\n#]+))",
    re.MULTILINE,
)
_ALIASED: Final = re.compile(r"([\w.]+)(?:\s+as\s+(\w+))?")
_COMMENT: Final = re.compile(r"#[^\n]*")
_TOP: Final = re.compile(
    r"^(?:async def|def|class)[ \t]+(\w+)|^(\w+)[ \t]*(?::[^=\n]+)?=(?!=)", re.MULTILINE
)
_ATTRIBUTE: Final = re.compile(r"(?<=[\w)\]\"'])\.([^\W\d]\w*)")
_MEMBER: Final = re.compile(
    r"^class[ \t]+(\w+)|^[ \t]+(?:async[ \t]+)?def[ \t]+(\w+)"
    r"|\bself\.(\w+)[ \t]*(?::[^=\n]+)?=(?!=)"
    r"|^[ \t]+(\w+)[ \t]*:[ \t]*[A-Z\w]|^[ \t]+(\w+)[ \t]*=(?!=)",
    re.MULTILINE,
)
_SIGNATURE: Final = re.compile(
    r"^([ \t]*)(?:async[ \t]+)?def[ \t]+(\w+)[ \t]*\(([^)]*)\)", re.MULTILINE
)
_CLASS: Final = re.compile(r"^([ \t]*)class[ \t]+(\w+)", re.MULTILINE)
_PARAMETER: Final = re.compile(r"(?:^|,)\s*\*{0,2}([^\W\d]\w*)")
_KEYWORD: Final = re.compile(r"[(,]\s*([^\W\d]\w*)=(?!=)")


class Import(NamedTuple):
    """`import module [as alias]` where `name` is "", else `from module import name [as alias]`."""

    module: str  # relative ones begin with their dots
    name: str
    alias: str  # "" where there is none

    @property
    def bound(self) -> str:
        """The name that the statement brings."""
        return self.alias or self.name or self.module.partition(".")[0]


class FileNames:
    """The names of one file; each kind is looked for once somebody asks for it."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        """What its import statements bring."""
        return tuple(imports_in(self._text))

    @cached_property
    def top(self) -> frozenset[str]:
        """What is defined at the left margin."""
        return frozenset(one or other for one, other in _TOP.findall(self._text))

    @cached_property
    def attributes(self) -> Counter[str]:
        """What stands behind a dot, by how often."""
        return Counter(_ATTRIBUTE.findall(self._text))

    @cached_property
    def members(self) -> dict[str, frozenset[str]]:
        """The members of classes at the left margin."""
        members: dict[str, set[str]] = {}
        current: set[str] = set()
        for found in _MEMBER.finditer(self._text):
            if found[1]:
                current = members.setdefault(found[1], set())
            else:
                current.add(found[found.lastindex or 0])
        return {name: frozenset(inside) for name, inside in members.items()}

    @cached_property
    def parameters(self) -> dict[str, frozenset[str]]:
        """The parameters of functions; a class has those of its `__init__`."""
        return _parameters(self._text)

    @cached_property
    def keywords(self) -> frozenset[str]:
        """Those of arguments."""
        return frozenset(_KEYWORD.findall(self._text))


def imports_in(text: str) -> list[Import]:
    """Return what the import statements of a text bring, wildcards left out."""
    found = []
    for module, names, modules in _IMPORT.findall(text):
        listed = _COMMENT.sub("", names or modules).strip("() \t\n").replace("\\\n", " ")
        for part in listed.split(","):
            aliased = _ALIASED.fullmatch(part.strip())
            if aliased is not None:
                name, alias = aliased[1], aliased[2] or ""
                found.append(Import(module, name, alias) if module else Import(name, "", alias))
    return found


def _parameters(text: str) -> dict[str, frozenset[str]]:
    classes = [(found.start(), found[1], found[2]) for found in _CLASS.finditer(text)]
    parameters: dict[str, frozenset[str]] = {}
    for found in _SIGNATURE.finditer(text):
        name = found[2]
        if name == "__init__":
            around = [
                owner
                for start, indent, owner in classes
                if start < found.start() and len(indent) < len(found[1])
            ]
            name = around[-1] if around else name
        names = frozenset(_PARAMETER.findall(found[3])) - {"self", "cls"}
        parameters[name] = parameters.get(name, frozenset()) | names
    return parameters
