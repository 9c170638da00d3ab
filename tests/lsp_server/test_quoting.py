"""Quotations: gathered at rest, kept while somebody types, never of what may not be quoted."""

from pathlib import Path

import pytest

from inference import Engine, Snippet
from lsp_server.document import Document, Point
from lsp_server.postprocess.reject import RejectReason
from lsp_server.quoting import quotes_others
from lsp_server.session import Session
from lsp_server.settings import OtherFiles, Settings
from lsp_server.syntax.guard import SyntaxGuard

CART = """\
from shop.orders import load_orders


def checkout(path):
    orders = load_orders(path)
    return orders


def other(path):
    return path
"""
ORDERS = """\
KEY = 'AKIAABCDEFGHIJKLMNOP'


def load_orders(path: str) -> list[Order]:
    return []
"""
STUB = Snippet(path="shop/orders.py", text="def load_orders(path: str) -> list[Order]:\n")


class Desk:
    """A session on a workspace folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.session = Session()
        self.session.set_folders({folder.as_uri(): folder})

    def uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def open(self, name: str, text: str) -> None:
        self.session.open(
            Document.of_text(uri=self.uri(name), version=1, language="python", text=text)
        )

    def rest(self, name: str, line: int = 4, column: int = 10) -> tuple[Snippet, ...]:
        """Return what is quoted after a rest at a place."""
        place = self.session.look(self.uri(name), line, column)
        assert not isinstance(place, RejectReason)
        syntax = SyntaxGuard(place.trees, place.document, place.cursor, place.path)
        return place.renew_snippets(syntax)

    def quoted(self, name: str) -> tuple[Snippet, ...]:
        """Return what a request would quote."""
        place = self.session.look(self.uri(name), 4, 10)
        assert not isinstance(place, RejectReason)
        return place.snippets

    def type(self, name: str, line: int, text: str) -> None:
        document = self.session.document(self.uri(name))
        assert document is not None
        at = Point(line, 0)
        new, edit = document.replace(at, at, text, document.version + 1)
        self.session.edit(new, [edit])


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.open("shop/cart.py", CART)
    return desk


def test_an_open_file_is_quoted_after_a_rest(desk: Desk) -> None:
    """Not before, and then by every request; what looks like a key is not in it."""
    desk.open("shop/orders.py", ORDERS)
    assert desk.quoted("shop/cart.py") == ()
    rested = desk.rest("shop/cart.py")

    assert rested[0] == STUB
    assert desk.quoted("shop/cart.py") == rested
    assert not any("AKIA" in snippet.text for snippet in rested)


def test_an_imported_file_of_the_workspace_is_quoted(desk: Desk) -> None:
    """From the disk, though it is not open."""
    desk.write("shop/orders.py", ORDERS)

    assert desk.rest("shop/cart.py")[0] == STUB


@pytest.mark.parametrize("ignored", [".gitignore", "secret", "outside"])
def test_what_may_not_be_quoted_is_not(desk: Desk, tmp_path: Path, ignored: str) -> None:
    """Files that git ignores, on the secrets list, or outside of the workspace."""
    if ignored == ".gitignore":
        desk.write(".gitignore", "orders.py\n")
        desk.session.saved(desk.uri(".gitignore"))
    if ignored == "secret":
        desk.session.apply_settings(Settings(secrets_extra=("orders.py",)))
    if ignored == "outside":
        desk.session.set_folders({tmp_path.as_uri(): tmp_path / "elsewhere"})
    desk.write("shop/orders.py", ORDERS)
    assert desk.rest("shop/cart.py") == ()
    desk.open("shop/orders.py", ORDERS)

    assert desk.rest("shop/cart.py") == ()


def test_what_is_ignored_later_is_quoted_no_more(desk: Desk) -> None:
    """At once, by the next request."""
    desk.open("shop/orders.py", ORDERS)
    desk.rest("shop/cart.py")
    desk.write(".gitignore", "orders.py\n")
    desk.session.saved(desk.uri(".gitignore"))

    assert desk.quoted("shop/cart.py") == ()


def test_typing_in_a_function_changes_nothing(desk: Desk) -> None:
    """Rests included; in another function, or when another document has changed, it may."""
    desk.open("shop/orders.py", ORDERS)
    first = desk.rest("shop/cart.py")
    desk.type("shop/cart.py", 4, "    value = 1\n")
    assert desk.rest("shop/cart.py", 5) is first
    desk.type("shop/orders.py", 3, "def added(): ...\n\n\n")

    assert desk.rest("shop/cart.py", 5) is not first


def test_recent_edits_of_another_file_are_quoted(desk: Desk) -> None:
    """As they are now, less what looks like a key."""
    desk.open("shop/prices.py", "\n".join(f"price_{number} = {number}" for number in range(40)))
    desk.type("shop/prices.py", 20, "TOKEN = 'AKIAABCDEFGHIJKLMNOP'\n")
    (snippet,) = desk.rest("shop/cart.py")

    assert snippet.path == "shop/prices.py"
    assert "price_20 = 20" in snippet.text
    assert "AKIA" not in snippet.text


def test_another_setting_drops_what_is_quoted(desk: Desk) -> None:
    """At once; and a closed document is forgotten."""
    desk.open("shop/orders.py", ORDERS)
    desk.rest("shop/cart.py")
    desk.session.apply_settings(Settings(other_files=OtherFiles.NEVER))

    assert desk.quoted("shop/cart.py") == ()


def test_a_model_of_short_context_quotes_nothing_by_itself(shipped_model: Path) -> None:
    """It is a fact of the model; the setting overrules it."""
    with Engine.open(shipped_model) as engine:
        info = engine.info

    assert not quotes_others(Settings(), info)
    assert quotes_others(Settings(other_files=OtherFiles.ALWAYS), info)
    assert not quotes_others(Settings(other_files=OtherFiles.NEVER), info)
