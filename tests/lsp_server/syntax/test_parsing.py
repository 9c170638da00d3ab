"""Syntax trees around a cursor: the part that is parsed, reuse, and bounded time."""

import gc
import random
import time
import tracemalloc

import pytest
import tree_sitter

from lsp_server.document import Document, Point
from lsp_server.syntax import parsing
from lsp_server.syntax.parsing import Parsed, SyntaxTrees, parse, region_around


def _document(text: str, language: str = "python") -> Document:
    return Document.of_text(uri="file:///a.py", version=1, language=language, text=text)


def test_a_short_document_is_parsed_whole() -> None:
    """Line ends become LF, and the cursor divides the text."""
    region = region_around(_document("a = 1\r\nb = 2\r\n"), Point(1, 1), "a.py")

    assert region is not None
    assert (region.before, region.behind) == (b"a = 1\nb", b" = 2\n")


def test_a_long_document_is_cut_where_a_definition_begins() -> None:
    """Each side is limited, and the first line that is parsed stands at the left margin."""
    function = "def f():\n" + "    x = 1\n" * 100
    region = region_around(_document(function * 500), Point(25_000, 4), "a.py")

    assert region is not None
    assert region.before.startswith(b"def f():")
    assert len(region.before) <= 64_000
    assert len(region.behind) <= 64_000


def test_a_long_document_ends_before_a_definition() -> None:
    """Behind the cursor too nothing is cut in the middle, so that the part has no errors."""
    function = "fn f() {\n    a();\n}\n"
    region = region_around(_document(function * 10_000, "rust"), Point(15_001, 4), "a.rs")

    assert region is not None
    assert region.behind.endswith(b"\n}\n")
    assert 60_000 < len(region.behind) <= 64_000


def test_of_a_document_that_takes_too_long_less_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """And from then on: a key costs the time limit once, not every time."""
    whole = parsing.parse
    lengths = []

    def slow(grammar: str, source: bytes, known: Parsed | None = None) -> Parsed | None:
        lengths.append(len(source))
        return None if len(source) > 20_000 else whole(grammar, source, known)

    monkeypatch.setattr(parsing, "parse", slow)
    trees = SyntaxTrees()
    document = _document("x = 1\n" * 50_000)
    for _ in range(2):
        found = trees.around(document, Point(25_000, 0), "a.py", lambda region: region)

        assert found is not None
        assert found[1].source == found[0].source
    assert [length > 20_000 for length in lengths] == [True, False, False]


def test_one_endless_line_is_cut() -> None:
    """A line longer than the limit is parsed around the cursor only."""
    region = region_around(_document("x" * 300_000), Point(0, 150_000), "a.py")

    assert region is not None
    assert len(region.source) == 128_000


def test_a_document_without_a_grammar_has_no_region() -> None:
    """Nothing is parsed then."""
    assert region_around(_document("a", "brainfuck"), Point(0, 0), "a.py") is None
    assert region_around(_document("a", ""), Point(0, 0), "a.unknown") is None


def test_the_suffix_tells_the_grammar_where_the_client_does_not() -> None:
    """`mixline complete` knows no language identifier."""
    region = region_around(_document("a", ""), Point(0, 0), "src/a.tsx")

    assert region is not None
    assert region.grammar == "tsx"


@pytest.mark.usefixtures("patient_parser")
def test_a_tree_made_from_an_older_one_equals_a_new_one() -> None:
    """Random edits, one after the other, never leave a trace of the former text."""
    pieces = ["x = 1\n", "def f(a):\n    return a\n", "(", ")", '"', "é", "    ", "\n", "if x:\n"]
    chance = random.Random(5)  # noqa: S311 - no secret
    trees = SyntaxTrees()
    text = "".join(chance.choices(pieces, k=40))
    for _ in range(200):
        start = chance.randrange(len(text))
        end = min(len(text), start + chance.randrange(6))
        text = text[:start] + chance.choice(pieces) + text[end:]
        region = region_around(_document(text), Point(0, 0), "a.py")
        assert region is not None
        known, new = trees.parse("file:///a.py", region), parse("python", text.encode())
        assert known is not None
        assert new is not None
        assert str(known.tree.root_node) == str(new.tree.root_node)


def test_hostile_text_is_given_up() -> None:
    """The grammar for JavaScript would take minutes for this file."""
    assert parse("javascript", b"lambda x:" * 14_000) is None


def test_time_that_others_take_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that waits for the processor longer than the limit gets its tree all the same."""

    class Late(parsing._Reader):
        def __call__(self, offset: int, point: tree_sitter.Point) -> bytes | bytearray:
            time.sleep(1.5 * parsing._TIME_LIMIT_S)
            return super().__call__(offset, point)

    monkeypatch.setattr(parsing, "_Reader", Late)

    assert parse("python", b"x = f(1)\n" * 500) is not None


@pytest.mark.parametrize("source", [b"x = 1\n" * 3000, b"x = [1, (2, 3)]\n" * 9000])
def test_a_text_that_was_parsed_is_let_go(source: bytes) -> None:
    """The parser keeps what it is handed for good: a leak of each text, at each key."""
    changed = source + b"y\n"
    tracemalloc.start()
    try:
        for _ in range(3):
            known = parse("python", source, time_limit_s=60.0)
            assert known is not None
            parse("python", changed, known, time_limit_s=60.0)
            del known
        gc.collect()
        held = tracemalloc.take_snapshot().filter_traces(
            [tracemalloc.Filter(inclusive=True, filename_pattern=parsing.__file__)]
        )
    finally:
        tracemalloc.stop()

    assert sum(trace.size for trace in held.traces) < len(source)


def test_nodes_know_their_text() -> None:
    """Long ones, too, and after others were parsed."""
    source = b"def f(a):\n" + b"    return [a, a]\n" * 50
    parsed = parse("python", source)
    assert parsed is not None
    assert parse("python", b"x = 1\n" * 100) is not None

    assert parsed.tree.root_node.text == source
    assert parsed.tree.root_node.children[0].named_children[0].text == b"f"
