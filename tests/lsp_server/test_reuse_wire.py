"""Over the wire with the model that ships: what is answered without generating anew."""

from typing import Any

URI = "file:///work/shop.py"
BODY = """\
import json


def load_orders(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def load_customers(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


"""
TEXT = BODY + "def load_products(path):\n    with open(path, enc"
LINE = TEXT.count("\n")
COLUMN = len("    with open(path, enc")
REST = 'oding="utf-8") as file:'


def test_after_an_accept_the_next_suggestion_is_there(client: Any) -> None:
    """The block that the accepted line opens was generated while the line was read."""
    client.open(URI, TEXT)
    assert client.ghost(URI, LINE, COLUMN)["insertText"] == REST
    before = client.generations_at_rest()
    client.change(URI, LINE, COLUMN, COLUMN, REST)
    (item,) = client.inline(URI, LINE, COLUMN + len(REST))

    assert item["insertText"].startswith("\n        return json.load(file)")
    assert client.status()["engine"]["generations"] in {before, before + 1}  # the one behind it


def test_typed_by_hand_it_is_there_too(client: Any) -> None:
    """Enter and the editor's indentation lie along what was generated ahead."""
    client.open(URI, TEXT)
    client.ghost(URI, LINE, COLUMN)
    before = client.generations_at_rest()
    client.change(URI, LINE, COLUMN, COLUMN, REST + "\n        ")
    (item,) = client.inline(URI, LINE + 1, 8)

    assert item["insertText"].startswith("return json.load(file)")
    assert client.status()["engine"]["generations"] in {before, before + 1}


def test_backspacing_along_a_suggestion_is_answered_from_it(client: Any) -> None:
    """Five characters typed and taken back one by one: the whole suggestion stands there again."""
    client.open(URI, TEXT)
    client.ghost(URI, LINE, COLUMN)
    before = client.generations_at_rest()
    client.change(URI, LINE, COLUMN, COLUMN, REST[:5])
    for left in range(4, -1, -1):
        client.change(URI, LINE, COLUMN + left, COLUMN + left + 1, "")
        (item,) = client.inline(URI, LINE, COLUMN + left)
        assert item["insertText"] == REST[left:]

    assert client.generations_at_rest() == before
