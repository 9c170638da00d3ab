"""Stack traces: what was raised, through which frames of the workspace, what it complains of."""

from pathlib import Path

import pytest

from lsp_server.document import Document, Point
from lsp_server.fixes.stack_trace import Frame, complaint, inside, paragraph, read_trace

PYTHON = """\
some log line
Traceback (most recent call last):
  File "/elsewhere/run.py", line 3, in main
    other()
ValueError: first

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "{folder}/app.py", line 9, in <module>
    main(1)
    ~~~~^^^
  File "{folder}/shop/cart.py", line 4, in total
    return json.dumps(totl)
                      ^^^^
  File "/usr/lib/python3.11/json/__init__.py", line 231, in dumps
    return _default_encoder.encode(obj)
NameError: name 'totl' is not defined. Did you mean: 'total'?
"""
SCRIPT = """\
TypeError: x is not a function
    at total ({folder}/cart.js:3:5)
    at Object.<anonymous> (file://{folder}/app.js:9:1)
    at node:internal/main/run_main_module:28:49
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A workspace with the files that the traces name."""
    (tmp_path / "shop").mkdir()
    for name in ("app.py", "shop/cart.py", "app.js", "cart.js"):
        (tmp_path / name).write_text("")
    return tmp_path.resolve()


def test_last_error_of_a_python_trace(folder: Path) -> None:
    """Of several tracebacks the last counts; markers under the lines are no frames."""
    trace = read_trace(PYTHON.replace("{folder}", str(folder)))

    assert trace is not None
    assert trace.error == "NameError"
    assert trace.message.startswith("name 'totl'")
    assert inside(trace, folder) == [
        Frame(path=folder / "app.py", line=8, function="<module>"),
        Frame(path=folder / "shop/cart.py", line=3, function="total"),
    ]
    said = paragraph(trace, inside(trace, folder), folder)
    assert "line 4 of shop/cart.py in total" in said
    assert "1 call deeper" in said
    assert "app.py:9" in said
    assert "\n" not in said


def test_script_trace_is_turned_round(folder: Path) -> None:
    """JavaScript names the innermost frame first."""
    trace = read_trace(SCRIPT.replace("{folder}", str(folder)))

    assert trace is not None
    assert trace.error == "TypeError"
    assert [frame.path.name for frame in inside(trace, folder)] == ["app.js", "cart.js"]


def test_trace_of_other_code(tmp_path: Path) -> None:
    """Without a frame in the workspace it says so; a frame that leaves it by `..` is none."""
    text = PYTHON.replace("{folder}", "../../other")
    trace = read_trace(text)

    assert trace is not None
    assert inside(trace, tmp_path) == []
    assert "outside of it" in paragraph(trace, [], tmp_path)


@pytest.mark.parametrize("text", ["", "no trace\n", "Traceback (most recent call last):\n", "a: b"])
def test_text_without_a_trace(text: str) -> None:
    """Nothing is made up."""
    assert read_trace(text) is None


@pytest.mark.parametrize(
    ("message", "line", "column", "code"),
    [
        ("name 'totl' is not defined", "    print(totl)", 10, "undefined-name"),
        ("'Cart' object has no attribute 'prce'", "    cart.prce()", 9, "no-member"),
        ("f() missing 1 required positional argument: 'a'", "f()", 0, "no-value-for-parameter"),
        ("f() got an unexpected keyword argument 'b'", "f(b=1)", 0, "unexpected-keyword-arg"),
    ],
)
def test_error_as_a_diagnostic(message: str, line: str, column: int, code: str) -> None:
    """What the error names is looked for on the line that failed."""
    trace = read_trace(
        f'Traceback (most recent call last):\n  File "a.py", line 1\nAError: {message}'
    )
    document = Document.of_text(uri="file:///a.py", version=1, language="python", text=line)

    assert trace is not None
    found = complaint(trace, trace.frames[0], document)

    assert found is not None
    assert (found.start, found.code) == (Point(0, column), code)
