"""Forbidden edits: whoever proposes them, they are not offered."""

import pytest

from lsp_server.document import Document, Point
from lsp_server.fixes.candidate import Origin
from lsp_server.fixes.diagnostic import Diagnostic
from lsp_server.fixes.forbidden import refused
from lsp_server.fixes.refusal import Refusal

LOAD = "import re\n\n\ndef load(config):\n    print(config)\n    return confg.name\n"


def check(
    before: str,
    after: str,
    code: str = "F821",
    message: str = "Undefined name `confg`",
    *,
    name: str = "app.py",
    language: str = "python",
    origin: Origin = Origin.ENUMERATED,
) -> Refusal | None:
    line = next((n for n, text in enumerate(before.splitlines()) if "confg" in text), 0)
    column = max(0, before.splitlines()[line].find("confg"))
    texts = [
        Document.of_text(uri=f"file:///w/{name}", version=1, language=language, text=text)
        for text in (before, after)
    ]
    diagnostic = Diagnostic(
        start=Point(line, column),
        end=Point(line, column + 5),
        code=code,
        message=message,
        source="ruff",
    )
    return refused(texts[0], texts[1], diagnostic, origin, lambda module: module != "nowhere")


@pytest.mark.parametrize(
    ("after", "refusal"),
    [
        (LOAD, Refusal.NOTHING),
        (LOAD.replace("confg.name", "confg.name  # noqa"), Refusal.SUPPRESSES),
        (LOAD.replace("    return confg.name\n", ""), Refusal.DELETES),
        (LOAD.replace("    return confg.name\n", "    pass\n"), Refusal.DELETES),
        (LOAD.replace("    return", "    # return"), Refusal.DELETES),
        (LOAD.replace("    return confg.name", '    """return confg.name"""'), Refusal.DELETES),
        (LOAD.replace("    print(config)\n", "    confg = None\n"), Refusal.DEFINES),
        (LOAD.replace("import re\n", "import re\nconfg = 1\n"), Refusal.DEFINES),
        (LOAD.replace("(config):", "(config, confg=None):"), Refusal.DEFINES),
        (LOAD.replace("import re\n", "import re\ndef confg(): ...\n"), Refusal.DEFINES),
        (LOAD.replace("import re\n", "import re\nclass confg: ...\n"), Refusal.DEFINES),
        (LOAD.replace("    print", "    global confg\n    print"), Refusal.DEFINES),
        (LOAD.replace("confg.name", "(confg := config).name"), Refusal.DEFINES),
        (LOAD.replace("import re\n", "import re\nimport nowhere\n"), Refusal.NO_SUCH_MODULE),
        (
            LOAD.replace("import re\n", "import re\nfrom nowhere import confg\n"),
            Refusal.NO_SUCH_MODULE,
        ),
        (LOAD.replace("import re\n", "import re\nimport confg\n"), None),
        (LOAD.replace("import re\n", "import re\nfrom .a import b as confg\n"), None),
        (LOAD.replace("confg", "config"), None),
    ],
)
def test_a_missing_name(after: str, refusal: Refusal | None) -> None:
    """It may be renamed or imported; it is not silenced, deleted, commented out or made up."""
    assert check(LOAD, after) is refusal


def test_a_receiver_may_be_added() -> None:
    """`self` is a parameter that was forgotten; in a plain function it would be made up."""
    before = "class A:\n    def f(confg):\n        return self.x\n"
    after = before.replace("f(confg)", "f(self, confg)")
    message = "Undefined name `self`"

    assert check(before, after, message=message) is None
    assert (
        check(
            "def f(confg): return self.x\n", "def f(self, confg): return self.x\n", message=message
        )
        is Refusal.DEFINES
    )


def test_deleting_is_the_rule_for_what_is_unused() -> None:
    """Unused imports and variables may go."""
    after = LOAD.replace("import re\n", "")

    assert check(LOAD, after, "F401", "`re` imported but unused") is None
    assert check(LOAD, after, "E711", "Comparison to None") is Refusal.DELETES


def test_imports_are_counted_by_name() -> None:
    """Two lines may become one."""
    before, after = "from a import b\nfrom a import c\n", "from a import b, c\n"

    assert check(before, after, "I001", "Import block is un-sorted") is None


def test_a_made_up_attribute() -> None:
    """Setting what is missing is no fix of reading it."""
    before = "class A:\n    def f(self):\n        return self.confg\n"
    after = before.replace("        return", "        self.confg = 1\n        return")
    message = 'Cannot access attribute "confg" for class "A*"'

    assert check(before, after, "reportAttributeAccessIssue", message) is Refusal.DEFINES


def test_what_does_not_parse_is_counted_in_lines() -> None:
    """In other languages, and around syntax errors."""
    before = "function f(config) {\n  log(config);\n  return confg.name;\n}\n"
    script = {"name": "a.js", "language": "javascript", "code": "no-undef"}
    message = "'confg' is not defined."

    assert check(before, before.replace("confg", "config"), message=message, **script) is None  # type: ignore[arg-type]
    for gone in ("", "  // return confg.name;\n"):
        after = before.replace("  return confg.name;\n", gone)
        assert check(before, after, message=message, **script) is Refusal.DELETES  # type: ignore[arg-type]
    after = "let confg = {};\n" + before
    assert check(before, after, message=message, **script) is Refusal.DEFINES  # type: ignore[arg-type]
    broken = "def f(x)\n    return x\n"
    assert check(broken, "def f(x):\n    return x\n", "invalid-syntax", "Expected `:`") is None
    assert check(broken, "def f(x): pass\n", "invalid-syntax", "Expected `:`") is Refusal.DELETES


def test_the_model_may_not_write_something_else() -> None:
    """At least half of the words on the changed lines stay."""
    after = LOAD.replace("    return confg.name", "    return None")

    assert check(LOAD, after, origin=Origin.MODEL) is Refusal.DELETES
    assert check(LOAD, LOAD.replace("confg", "config"), origin=Origin.MODEL) is None


@pytest.mark.parametrize("unseen", ["\u200b", "\u202e", "\u2066", "\x1b", "\U000e0041"])
def test_nothing_comes_in_that_nobody_sees(unseen: str) -> None:
    """Found by reading on: ghost text was looked at, a line that the model rewrote was not."""
    settled = LOAD.replace("confg", "config")
    there = LOAD.replace("print(config)", f"print(config, '{unseen}')")

    assert check(LOAD, settled.replace(".name", f".name  # {unseen}")) is Refusal.HIDES
    assert check(there, there.replace("confg", "config")) is None
    assert check(LOAD.replace("\n", "\r\n"), settled.replace("\n", "\r\n")) is None


def test_configuration_is_not_edited() -> None:
    """A fault in it is for its owner."""
    refusal = check("a = 1\n", "a = 2\n", name="pyproject.toml", language="toml")

    assert refusal is Refusal.CONFIGURATION


def test_brackets_alone_are_no_statement() -> None:
    """In a text that does not parse a line of brackets may lose one of them, or all."""
    broken = "a = {\n    1: {\n    }}\n}\n"
    fixed = "a = {\n    1: {\n    }\n}\n"

    assert check(broken, fixed, "invalid-syntax", "Expected a statement") is None
