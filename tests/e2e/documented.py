"""Functions whose docstrings editors are to write or to mend, and what must hold afterwards."""

import ast

BARE = """\
def clamp(value, low, high=100):
    if low > high:
        raise ValueError(low)
    return min(max(value, low), high)
"""
WRITE = "Write the docstring of `clamp`"

LEFT_BEHIND = '''\
def scale(value, factor):
    """Return the value, scaled.

    Args:
        value: what is scaled.
        size: by how much.

    Returns:
        The product.
    """
    return value * factor
'''
MENDED = LEFT_BEHIND.replace("size:", "factor:")
MEND = "Bring the docstring of `scale` up to date"

GOOGLE = '[tool.ruff.lint.pydocstyle]\nconvention = "google"\n'


def check_documented(text: str) -> None:
    """Fail unless this is `BARE` with a docstring in Google's style that tells all of it."""
    (function,) = ast.parse(text).body
    assert isinstance(function, ast.FunctionDef)
    docstring = ast.get_docstring(function)
    assert docstring, text
    function.body = function.body[1:]
    assert ast.dump(function) == ast.dump(ast.parse(BARE).body[0])
    head, _, parts = docstring.partition("\nArgs:\n")
    assert head.strip()
    parameters, _, rest = parts.partition("\nReturns:\n")
    names = [line.split(":")[0].strip() for line in parameters.splitlines() if line]
    assert names == ["value", "low", "high"]
    value, _, errors = rest.partition("\nRaises:\n")
    assert value.strip()
    assert errors.strip().startswith("ValueError: ")
