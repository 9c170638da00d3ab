"""What is quoted of other files, and when it stays as it is."""

from inference import Snippet
from lsp_server.context.gather import PinnedContext, gather, scope_at, surroundings
from lsp_server.context.other_file import OtherFile
from lsp_server.context.signatures import signatures
from lsp_server.context.similar import similar
from lsp_server.document import Document, Point
from lsp_server.syntax.definitions import Definition

ORDERS = OtherFile.ready(
    "shop/orders.py",
    '''\
class Order:
    """A customer's order."""

    def __init__(self, number: int) -> None:
        self.number = number

    def total(self, currency: str) -> float:
        return 0.0

    def _hidden(self) -> None: ...


def unrelated(value):
    return value


def load_orders(path: str) -> list[Order]:
    with open(path, encoding="utf-8") as file:
        return [Order(int(line)) for line in file]
''',
)
LOADER = "def load_customers(path):\n    with open(path, encoding='utf-8') as file:\n"


def test_signatures_of_what_is_used() -> None:
    """The function, the type with its public members; not what nobody asks for."""
    (snippet,) = signatures(frozenset({"orders"}), frozenset({"Order"}), frozenset(), [ORDERS])

    assert snippet == Snippet(
        path="shop/orders.py",
        text=(
            "class Order:\n"
            "    def __init__(self, number: int) -> None:\n"
            "    def total(self, currency: str) -> float:\n"
        ),
    )


def test_own_names_are_not_looked_up() -> None:
    """The document says itself what they are."""
    used = frozenset({"Order"})

    assert signatures(frozenset(), used, frozenset({"Order"}), [ORDERS]) == ()


def test_a_name_that_many_files_define_says_nothing() -> None:
    """Unless the file is one that the document imports."""
    files = [OtherFile.ready(f"a{n}.py", "def run(x): ...\n") for n in range(4)]

    assert signatures(frozenset(), frozenset({"run"}), frozenset(), files) == ()
    found = signatures(frozenset({"a2"}), frozenset({"run"}), frozenset(), files)
    assert [snippet.path for snippet in found] == ["a2.py"]


def test_the_most_alike_window_is_quoted() -> None:
    """From the line on where it begins, with its path."""
    near = LOADER + "        return [Customer(int(line)) for line in file]\n"
    (snippet,) = similar(near, near, [OtherFile.ready("x.py", "\n".join("abcdef")), ORDERS])

    assert snippet.path == "shop/orders.py"
    assert 'with open(path, encoding="utf-8") as file:' in snippet.text


def test_a_copy_of_the_cursors_own_text_is_not_quoted() -> None:
    """It would only be repeated."""
    assert similar(ORDERS.text, "", [ORDERS]) == ()


def test_what_the_prompt_shows_already_is_not_quoted() -> None:
    """As where a file is open twice."""
    near = LOADER + "        return [Customer(int(line)) for line in file]\n"

    assert similar(near, ORDERS.text, [ORDERS]) == ()


def test_what_changes_seldom_stands_first() -> None:
    """Signatures, then similar text, then recent edits; nothing twice."""
    text = LOADER + "        return [Order(int(line)) for line in file]\n"
    document = Document.of_text(uri="u", version=1, language="python", text=text)
    recent = Snippet(path="z.py", text="changed = True\n")

    quoted = gather(
        surroundings(document, Point(1, 4)),
        imported=frozenset({"orders"}),
        defined=frozenset({"load_customers"}),
        others=[ORDERS],
        recent=(recent, recent),
    )

    assert [snippet.path for snippet in quoted] == ["shop/orders.py", "shop/orders.py", "z.py"]
    assert quoted[0].text.startswith("class Order:\n    def __init__")


def test_scope_is_what_stands_around() -> None:
    """The signatures of the definitions, the outermost first."""
    outer = Definition(name="A", start=0, end=50, depth=0, signature="class A:")
    inner = Definition(name="f", start=10, end=40, depth=1, signature="def f(self):")

    assert scope_at([outer, inner], 20) == "class A:\ndef f(self):"
    assert scope_at([outer, inner], 45) == "class A:"
    assert scope_at([outer, inner], 60) == ""


def test_pinned_until_there_is_a_reason() -> None:
    """What was gathered for the same reason is there; `forget` and `clear` drop it."""
    pinned = PinnedContext()
    snippet = Snippet(path="a", text="b")
    pinned.pin("u", ("scope", 1), (snippet,))

    assert pinned.holds("u", ("scope", 1))
    assert not pinned.holds("u", ("scope", 2))
    assert pinned.snippets("u") == (snippet,)
    assert pinned.snippets("v") == ()
    pinned.forget("u")
    assert pinned.snippets("u") == ()
    pinned.pin("u", 1, (snippet,))
    pinned.clear()
    assert not pinned.holds("u", 1)
