"""Parameters, returned type and declared exceptions of a function that is not Python's."""

import re
from collections.abc import Iterator
from typing import Final

import tree_sitter

from lsp_server.docstrings.facts import Parameter, ParameterKind
from lsp_server.syntax.callables import SCRIPTS, Callable, text_of

_NAMES: Final = frozenset({"identifier", "field_identifier"})
_NO_PARAMETER: Final = frozenset({"comment", "line_comment", "block_comment", "attribute_item"})
_RECEIVERS: Final = frozenset({"self_parameter", "receiver_parameter"})
_NOTHING: Final = frozenset(
    {"void", "()", "!", "never", "undefined", "Promise<void>", "Promise<never>", "void_type"}
)
_PATTERNS: Final = {"object_pattern": "options", "array_pattern": "items"}
_LONGEST_NAME: Final = 40  # characters of a pattern that stands for a name
_BLANKS: Final = re.compile(r"\s+")


def parameters_of(found: Callable, grammar: str) -> tuple[Parameter, ...]:
    """Return the parameters that have a name, or can be given one; receivers are none."""
    node = found.declarator.child_by_field_name("parameters")
    single = found.declarator.child_by_field_name("parameter")
    if single is not None:  # a => a
        return (_parameter(text_of(single)),)
    if node is None:
        return ()
    parameters: list[Parameter] = []
    for child in node.children:
        if child.type == "..." and grammar in {"c", "cpp"}:
            parameters.append(_parameter("...", kind=ParameterKind.VARIADIC))
        if not child.is_named or child.type in _NO_PARAMETER | _RECEIVERS:
            continue
        taken = {one.name for one in parameters}
        if grammar in SCRIPTS:
            parameters += _of_script(child, taken)
        elif grammar == "rust":
            parameters += _of_rust(child, len(parameters))
        elif grammar == "go":
            parameters += _of_go(child)
        elif grammar == "java":
            parameters += _of_java(child)
        else:
            parameters += _of_c(child)
    return tuple(parameters)


def type_parameters_of(found: Callable) -> tuple[str, ...]:
    """Return the names of Java's type parameters, which its comments describe as well."""
    node = found.node.child_by_field_name("type_parameters")
    if node is None:
        return ()
    names = (child.named_children[0] for child in node.named_children if child.named_children)
    return tuple(text_of(name) for name in names)


def declared_exceptions(found: Callable) -> tuple[str, ...]:
    """Return what Java's `throws` names."""
    node = next((child for child in found.node.children if child.type == "throws"), None)
    return () if node is None else tuple(text_of(child) for child in node.named_children)


def declared_return(found: Callable, grammar: str) -> str | None:
    """Return the type that a function is declared to return, None if it declares none."""
    node = found.node
    if grammar in {"c", "cpp"}:
        return _c_return(found)
    field = {"java": "type", "go": "result"}.get(grammar, "return_type")
    declared = node.child_by_field_name(field)
    if declared is None:
        return None
    return _BLANKS.sub(" ", text_of(declared).removeprefix(":").strip())


def is_nothing(declared: str) -> bool:
    """Tell whether a type says that nothing is returned."""
    return declared in _NOTHING or declared.startswith("asserts ")


def _parameter(
    name: str,
    annotation: str | None = None,
    default: str | None = None,
    kind: ParameterKind = ParameterKind.POSITIONAL,
) -> Parameter:
    return Parameter(name=name, kind=kind, annotation=annotation, default=default)


def _of_script(node: tree_sitter.Node, taken: set[str]) -> Iterator[Parameter]:
    annotation = text_of(node.child_by_field_name("type")).removeprefix(":").strip() or None
    default = text_of(node.child_by_field_name("value")) or None
    pattern: tree_sitter.Node | None = node.child_by_field_name("pattern") or node
    kind = ParameterKind.POSITIONAL
    if pattern is not None and pattern.type == "assignment_pattern":
        default = text_of(pattern.child_by_field_name("right")) or None
        pattern = pattern.child_by_field_name("left")
    if pattern is not None and pattern.type == "rest_pattern":
        kind = ParameterKind.VARIADIC
        pattern = pattern.named_children[0] if pattern.named_children else None
    if pattern is None or pattern.type == "this":
        return
    name = text_of(pattern)
    if pattern.type in _PATTERNS:
        # It has no name of its own; tools take the comment's by its place.
        name = base = _PATTERNS[pattern.type]
        number = 2
        while name in taken:
            name, number = f"{base}{number}", number + 1
    if default is None and node.type == "optional_parameter":
        default = "undefined"
    yield _parameter(name, annotation, default, kind)


def _of_rust(node: tree_sitter.Node, number: int) -> Iterator[Parameter]:
    pattern = node.child_by_field_name("pattern")
    name = text_of(pattern)
    if name in {"", "_"}:
        return
    if "\n" in name or "`" in name or len(name) > _LONGEST_NAME:
        name = f"argument {number + 1}"
    yield _parameter(name, text_of(node.child_by_field_name("type")) or None)


def _of_go(node: tree_sitter.Node) -> Iterator[Parameter]:
    annotation = text_of(node.child_by_field_name("type")) or None
    is_rest = node.type == "variadic_parameter_declaration"
    kind = ParameterKind.VARIADIC if is_rest else ParameterKind.POSITIONAL
    for name in node.children_by_field_name("name"):
        if text_of(name) != "_":
            yield _parameter(text_of(name), annotation, kind=kind)


def _of_java(node: tree_sitter.Node) -> Iterator[Parameter]:
    named = node.child_by_field_name("name")
    kind = ParameterKind.POSITIONAL
    if node.type == "spread_parameter":
        kind = ParameterKind.VARIADIC
        inner = next(
            (one for one in node.named_children if one.type == "variable_declarator"), None
        )
        named = None if inner is None else inner.child_by_field_name("name")
    if named is not None and text_of(named) != "_":
        yield _parameter(
            text_of(named), text_of(node.child_by_field_name("type")) or None, kind=kind
        )


def _of_c(node: tree_sitter.Node) -> Iterator[Parameter]:
    if node.type == "variadic_parameter":
        yield _parameter("...", kind=ParameterKind.VARIADIC)
        return
    if node.type in _NAMES:  # as C was before 1989
        yield _parameter(text_of(node))
        return
    inner = node.child_by_field_name("declarator")
    while inner is not None and inner.type not in _NAMES:
        named = inner.child_by_field_name("declarator")
        inner = named or (inner.named_children[-1] if inner.named_children else None)
    if inner is None:
        return
    is_rest = node.type == "variadic_parameter_declaration"
    yield _parameter(
        text_of(inner),
        text_of(node.child_by_field_name("type")) or None,
        text_of(node.child_by_field_name("default_value")) or None,
        ParameterKind.VARIADIC if is_rest else ParameterKind.POSITIONAL,
    )


def _c_return(found: Callable) -> str | None:
    trailing = next(
        (one for one in found.declarator.children if one.type == "trailing_return_type"), None
    )
    if trailing is not None and trailing.named_children:
        return text_of(trailing.named_children[0])
    declared = text_of(found.node.child_by_field_name("type"))
    if not declared:
        return "void"  # a constructor or destructor
    outer = found.node.child_by_field_name("declarator")
    if outer is not None and outer.type == "pointer_declarator":
        return f"{declared} *"
    if outer is not None and outer.type == "reference_declarator":
        return f"{declared} &"
    return None if declared == "auto" else declared
