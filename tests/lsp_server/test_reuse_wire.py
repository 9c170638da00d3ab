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


def test_asked_again_for_what_stands_there_the_answer_has_alternatives(client: Any) -> None:
    """What stands there in front, then others, none twice; the first explicit answer has one."""
    begun = BODY + "def load_products(path):\n    "
    client.open(URI, begun)
    first = client.inline(URI, LINE, 4, invoked=True)
    assert len(first) == 1
    items = client.inline(URI, LINE, 4, invoked=True)
    texts = [item["insertText"] for item in items]

    assert items[0] == first[0]
    assert 2 <= len(items) <= 5
    assert len(set(texts)) == len(texts)
    assert all(item["range"] == first[0]["range"] for item in items)
    assert "<|" not in "".join(texts)


def test_what_is_quoted_has_alternatives_too(client: Any) -> None:
    """Where the line stands in the file already, others begin with another token."""
    client.open(URI, TEXT)
    first = client.inline(URI, LINE, COLUMN, invoked=True)
    assert [item["insertText"] for item in first] == [REST]
    items = client.inline(URI, LINE, COLUMN, invoked=True)

    assert items[0] == first[0]
    assert len(items) >= 2


def test_elsewhere_there_is_one_item_again(client: Any) -> None:
    """Alternatives belong to the place that was asked for twice; automatic answers have one."""
    client.open(URI, TEXT)
    client.ghost(URI, LINE, COLUMN)
    assert len(client.inline(URI, LINE, COLUMN)) == 1
    client.change(URI, LINE, COLUMN, COLUMN, REST[:2])

    assert len(client.inline(URI, LINE, COLUMN + 2, invoked=True)) == 1


def test_an_edit_ends_the_search_for_alternatives(client: Any) -> None:
    """The request is answered at once with what there is, and the engine comes to rest."""
    client.open(URI, TEXT)
    client.inline(URI, LINE, COLUMN, invoked=True)
    request = client.ask_inline(URI, LINE, COLUMN, invoked=True)
    client.change(URI, LINE, COLUMN, COLUMN, "#")
    answer = client.answer(request)

    assert len(answer["result"]["items"]) >= 1
    assert client.generations_at_rest() >= 1
