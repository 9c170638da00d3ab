"""Reads the facts about each function and class of a Python file from its syntax tree."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import tree_sitter

from lsp_server.docstrings.facts import (
    Attribute,
    ClassFacts,
    Facts,
    FunctionFacts,
    ModuleFacts,
    Parameter,
    ParameterKind,
    Span,
)
from lsp_server.syntax.broken_file import broken_apart
from lsp_server.syntax.parsing import parse
from lsp_server.syntax.python_body import (
    FUNCTION,
    Known,
    Source,
    calls_of,
    children,
    is_stub,
    name_of_call,
    own_nodes,
    raised,
    returned,
    stored_attributes,
    yielded,
)
from lsp_server.syntax.python_uses import uses_of

_CLASS: Final = "class_definition"
_CACHED_PROPERTY: Final = "cached_property"
_PARSE_S: Final = 2.0  # the largest files of well-known packages take a tenth of that
_MAX_PASSED: Final = 3  # values of callers that are remembered for a parameter
_PLAIN_STRING: Final = frozenset({"", "r", "u"})


def read_facts(text: str) -> ModuleFacts | None:
    """Return the facts of a file, syntax errors in it or not; None if it takes too long to parse.

    Args:
        text: the file, LF line ends.
    """
    data = text.encode("utf-8", "replace")
    parsed = parse("python", data, time_limit_s=_PARSE_S)
    if parsed is None:
        return None
    if not parsed.tree.root_node.has_error:
        return _Reader(Source(data)).read(parsed.tree.root_node)
    # An open bracket or string may have swallowed what follows it: what stands at the margin is
    # read piece by piece.
    found: list[Facts] = []
    for piece in broken_apart(data):
        parsed = parse("python", piece, time_limit_s=_PARSE_S)
        if parsed is not None:
            found += _Reader(Source(piece)).read(parsed.tree.root_node).definitions
    return ModuleFacts(definitions=tuple(sorted(found, key=lambda one: one.span.start)))


@dataclass(frozen=True, slots=True)
class _Call:
    positional: tuple[str, ...]
    keywords: tuple[tuple[str, str], ...]


class _Reader:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._known = Known(functions={}, classes=frozenset(), imported=frozenset())

    def read(self, root: tree_sitter.Node) -> ModuleFacts:
        found = list(_definitions(root))
        self._known = self._module_names(root, found)
        facts: list[Facts] = []
        for whole, inner, owner in found:
            if inner.type == _CLASS:
                facts.append(self._class(whole, inner, owner))
            else:
                facts.append(self._function(whole, inner, owner))
        return ModuleFacts(definitions=tuple(self._with_callers(root, facts)))

    def _module_names(
        self,
        root: tree_sitter.Node,
        found: "list[tuple[tree_sitter.Node, tree_sitter.Node, str | None]]",
    ) -> Known:
        functions: dict[str, str | None] = {}
        classes = set()
        for _, inner, _ in found:
            name = self._source.text(inner.child_by_field_name("name"))
            if inner.type == _CLASS:
                classes.add(name)
            else:
                returns = inner.child_by_field_name("return_type")
                functions[name] = self._source.text(returns) if returns is not None else None
        imported, aliases = set(), set()
        has_cached_property = False
        for node in own_nodes(root, into_functions=True):
            if node.type in {"import_statement", "import_from_statement"}:
                module = self._source.text(node.child_by_field_name("module_name"))
                names = node.children_by_field_name("name")
                has_cached_property |= module == "functools" and any(
                    self._source.text(name) == _CACHED_PROPERTY for name in names
                )
                for child in children(node):
                    if child.type == "aliased_import":
                        alias = self._source.text(child.child_by_field_name("alias"))
                        imported.add(alias)
                        aliases.add(alias)
                    elif child.type == "dotted_name":
                        imported.add(self._source.text(child).split(".")[0])
        return Known(
            functions=functions,
            classes=frozenset(classes),
            imported=frozenset(imported),
            aliases=frozenset(aliases),
            has_cached_property=has_cached_property,
        )

    def _function(
        self, whole: tree_sitter.Node, node: tree_sitter.Node, owner: str | None
    ) -> FunctionFacts:
        source = self._source
        body = node.child_by_field_name("body")
        decorators = self._decorators(whole)
        statements = _statements(body)
        docstring = self._docstring_node(body)
        if docstring is not None:
            statements = statements[1:]
        parameters = self._parameters(node, owner is not None, decorators)
        is_overload = any(name.rpartition(".")[2] == "overload" for name in decorators)
        if body is not None and not is_overload:
            parameters = tuple(
                replace(parameter, uses=uses)
                for parameter, uses in zip(
                    parameters,
                    uses_of(source, body, [parameter.name for parameter in parameters]),
                    strict=True,
                )
            )
        returns, returns_value = returned(source, body)
        annotation = node.child_by_field_name("return_type")
        yields = yielded(source, body)
        return FunctionFacts(
            name=source.text(node.child_by_field_name("name")),
            owner=owner,
            span=self._span(whole, node, body, docstring),
            parameters=parameters,
            decorators=decorators,
            is_async=any(child.type == "async" for child in node.children),
            return_annotation=None if annotation is None else source.line(annotation),
            returns=returns,
            returns_value=returns_value,
            yields=tuple(dict.fromkeys(yields)),
            is_generator=bool(yields),
            raises=raised(source, body, self._known),
            calls=calls_of(source, body),
            sets=stored_attributes(source, body),
            is_stub=is_stub(source, statements),
            num_statements=len(statements),
        )

    def _class(
        self, whole: tree_sitter.Node, node: tree_sitter.Node, owner: str | None
    ) -> ClassFacts:
        source = self._source
        body = node.child_by_field_name("body")
        docstring = self._docstring_node(body)
        statements = _statements(body)
        if docstring is not None:
            statements = statements[1:]
        name = source.text(node.child_by_field_name("name"))
        constructor = None
        methods = []
        for statement in statements:
            inner = statement.child_by_field_name("definition") or statement
            if inner.type == FUNCTION:
                methods.append(source.text(inner.child_by_field_name("name")))
                if methods[-1] == "__init__":
                    constructor = self._function(statement, inner, name)
        bases = node.child_by_field_name("superclasses")
        return ClassFacts(
            name=name,
            owner=owner,
            span=self._span(whole, node, body, docstring),
            bases=tuple(
                source.line(child)
                for child in (children(bases) if bases is not None else ())
                if child.type not in {"keyword_argument", "comment"}
            ),
            decorators=self._decorators(whole),
            attributes=self._attributes(statements),
            constructor=constructor,
            methods=tuple(dict.fromkeys(methods)),
            num_statements=len(statements),
        )

    def _attributes(self, statements: list[tree_sitter.Node]) -> tuple[Attribute, ...]:
        found: dict[str, Attribute] = {}
        for statement in statements:
            if statement.type != "expression_statement":
                continue
            for node in children(statement):
                left = node.child_by_field_name("left")
                if node.type != "assignment" or left is None or left.type != "identifier":
                    continue
                kind = node.child_by_field_name("type")
                value = node.child_by_field_name("right")
                name = self._source.text(left)
                found.setdefault(
                    name,
                    Attribute(
                        name=name,
                        annotation=None if kind is None else self._source.line(kind),
                        default=None if value is None else self._source.line(value),
                    ),
                )
        return tuple(found.values())

    def _decorators(self, whole: tree_sitter.Node) -> tuple[str, ...]:
        if whole.type != "decorated_definition":
            return ()
        names = (
            self._source.line(node.named_children[0])
            for node in whole.named_children
            if node.type == "decorator" and node.named_children
        )
        is_known = self._known.has_cached_property
        return tuple(
            f"functools.{name}" if is_known and name == _CACHED_PROPERTY else name for name in names
        )

    def _parameters(
        self, node: tree_sitter.Node, in_class: bool, decorators: tuple[str, ...]
    ) -> tuple[Parameter, ...]:
        listed = node.child_by_field_name("parameters")
        if listed is None:
            return ()
        found: list[Parameter] = []
        kind = ParameterKind.POSITIONAL
        for child in children(listed):
            if child.type == "positional_separator":
                found = [replace(one, kind=ParameterKind.POSITIONAL_ONLY) for one in found]
            elif child.type == "keyword_separator":
                kind = ParameterKind.KEYWORD_ONLY
            elif (parameter := self._parameter(child, kind)) is not None:
                found.append(parameter)
                if parameter.kind is ParameterKind.VARIADIC:
                    kind = ParameterKind.KEYWORD_ONLY
        is_static = any(name.rpartition(".")[2] == "staticmethod" for name in decorators)
        positional = {ParameterKind.POSITIONAL, ParameterKind.POSITIONAL_ONLY}
        # The first of a function in a class body that serves as a decorator there is no receiver;
        # linters drop it all the same.
        if in_class and not is_static and found and found[0].kind in positional:
            del found[0]
        return tuple(found)

    def _parameter(self, node: tree_sitter.Node, kind: ParameterKind) -> Parameter | None:
        source = self._source
        named = node.child_by_field_name("name")
        if named is None and node.type == "typed_parameter" and node.named_children:
            named = node.named_children[0]
        if named is None:
            named = node
        if named.type == "list_splat_pattern":
            kind = ParameterKind.VARIADIC
        elif named.type == "dictionary_splat_pattern":
            kind = ParameterKind.KEYWORDS
        if named.type in {"list_splat_pattern", "dictionary_splat_pattern"}:
            named = named.named_children[0] if named.named_children else named
        if named.type != "identifier":
            return None
        annotation = node.child_by_field_name("type")
        default = node.child_by_field_name("value")
        return Parameter(
            name=source.text(named),
            kind=kind,
            annotation=None if annotation is None else source.line(annotation),
            default=None if default is None else source.line(default),
        )

    def _docstring_node(self, body: tree_sitter.Node | None) -> tree_sitter.Node | None:
        statements = _statements(body)
        if not statements or statements[0].type != "expression_statement":
            return None
        inner = children(statements[0])
        if len(inner) != 1 or inner[0].type not in {"string", "concatenated_string"}:
            return None
        parts = [inner[0]] if inner[0].type == "string" else children(inner[0])
        for part in parts:
            opening = self._source.text(part.children[0]) if part.children else ""
            if opening.rstrip("\"'").lower() not in _PLAIN_STRING:
                return None
        return inner[0]

    def _span(
        self,
        whole: tree_sitter.Node,
        node: tree_sitter.Node,
        body: tree_sitter.Node | None,
        docstring: tree_sitter.Node | None,
    ) -> Span:
        source = self._source
        name = node.child_by_field_name("name")
        colon = next((one for one in reversed(node.children) if one.type == ":"), None)
        header_end = node.end_byte if colon is None else colon.end_byte
        statements = _statements(body)
        first = statements[0].start_byte if statements else header_end
        header = source.point(header_end)
        start = source.point(first)
        return Span(
            start=source.point(whole.start_byte),
            name=source.point((name or node).start_byte),
            end=source.point(whole.end_byte),
            header_end=header,
            body=start,
            body_is_inline=bool(statements) and source.is_inline(header_end, first),
            docstring=None
            if docstring is None
            else (source.point(docstring.start_byte), source.point(docstring.end_byte)),
        )

    def _with_callers(self, root: tree_sitter.Node, facts: list[Facts]) -> Iterator[Facts]:
        """Yield the facts, told what the file's own calls pass."""
        calls: defaultdict[str, list[_Call]] = defaultdict(list)
        wanted = {one.owner if one.name == "__init__" else one.name for one in facts}
        for node in own_nodes(root, into_functions=True):
            if node.type != "call":
                continue
            name = name_of_call(self._source, node).rpartition(".")[2]
            if name in wanted:
                calls[name].append(self._call(node))
        for one in facts:
            if isinstance(one, ClassFacts):
                yield one
                continue
            name = one.owner if one.name == "__init__" and one.owner else one.name
            yield replace(one, parameters=_with_passed(one.parameters, calls[name]))

    def _call(self, node: tree_sitter.Node) -> _Call:
        arguments = node.child_by_field_name("arguments")
        positional: list[str] = []
        keywords: list[tuple[str, str]] = []
        for child in children(arguments) if arguments is not None else ():
            if child.type == "keyword_argument":
                name, value = child.child_by_field_name("name"), child.child_by_field_name("value")
                keywords.append((self._source.text(name), self._source.line(value)))
            elif child.type in {"list_splat", "dictionary_splat", "comment"}:
                break
            else:
                positional.append(self._source.line(child))
        return _Call(tuple(positional), tuple(keywords))


def _with_passed(parameters: tuple[Parameter, ...], calls: list[_Call]) -> tuple[Parameter, ...]:
    told = []
    for index, parameter in enumerate(parameters):
        values = []
        for call in calls:
            values += [value for name, value in call.keywords if name == parameter.name]
            by_place = parameter.kind in {ParameterKind.POSITIONAL, ParameterKind.POSITIONAL_ONLY}
            if by_place and index < len(call.positional):
                values.append(call.positional[index])
        told.append(replace(parameter, passed=tuple(dict.fromkeys(values))[:_MAX_PASSED]))
    return tuple(told)


def _definitions(
    root: tree_sitter.Node,
) -> Iterator[tuple[tree_sitter.Node, tree_sitter.Node, str | None]]:
    """Yield each definition (decorators and all, alone) and the class whose body it stands in."""
    waiting: list[tuple[tree_sitter.Node, str | None]] = [(root, None)]
    while waiting:
        node, owner = waiting.pop()
        inner = node
        if node.type == "decorated_definition":
            inner = node.child_by_field_name("definition") or node
        if inner.type in {_CLASS, FUNCTION}:
            yield node, inner, owner
            body = inner.child_by_field_name("body")
            owner = None
            if inner.type == _CLASS:
                name = inner.child_by_field_name("name")
                owner = "" if name is None or name.text is None else name.text.decode()
            inner = body if body is not None else inner
        elif node.type == "lambda":
            continue
        waiting.extend((child, owner) for child in reversed(inner.named_children))


def _statements(body: tree_sitter.Node | None) -> list[tree_sitter.Node]:
    return [] if body is None else [node for node in children(body) if node.type != "comment"]
