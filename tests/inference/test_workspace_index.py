"""The texts of a workspace, kept up to date."""

import random
import threading

import pytest

from inference.workspace_index import SEGMENT_BYTES, WorkspaceIndex, WorkspaceView, backwards


def found(view: WorkspaceView, before: str, least: str, most: int = 99) -> list[tuple[str, str]]:
    """Return file and rest of the line of each place."""
    places = []
    for number, place, _ in view.longest(before, least, most):
        segment = view.segments[number]
        _, behind = segment.around(place)
        places.append((segment.keys[segment.file(place)], behind.partition("\n")[0]))
    return places


def test_those_that_share_most_come_first() -> None:
    """Across files and segments."""
    index = WorkspaceIndex()
    index.update({"a": "x.total = 1\ny = self.total = 2\n"})
    index.update({"b": "z = self.total = 3\n", "c": "subtotal = 4\n"})
    view = index.view()

    assert found(view, "z = self.total = ", "total = ") == [
        ("b", "3"),
        ("a", "2"),
        ("a", "1"),
        ("c", "4"),
    ]
    assert found(view, "z = self.total = ", "total = ", most=2) == [("b", "3"), ("a", "2")]
    assert found(view, "", "", most=2) == []


def test_near_ones_come_first_among_equals() -> None:
    """Those of the folder, and those that are named."""
    index = WorkspaceIndex()
    index.update({f"{folder}/f": "x = 1\n" for folder in "abcd"})
    view = index.view(near=["b/f"], folder="d")

    keys = [key for key, _ in found(view, "x =", "x =")]
    assert (sorted(keys[:2]), sorted(keys[2:])) == (["b/f", "d/f"], ["a/f", "c/f"])


def test_present_texts_alone_are_found() -> None:
    """A text replaces the former one; a removed or hidden file has none."""
    index = WorkspaceIndex()
    index.update({"a": "value = 1\n", "b": "value = 2\n"})
    before = index.view()
    index.update({"a": "value = 3\n"})

    assert sorted(found(index.view(), "value = ", "value = ")) == [("a", "3"), ("b", "2")]
    assert found(index.view(hidden=["a"]), "value = ", "value = ") == [("b", "2")]
    index.remove(["b", "unknown"])
    assert found(index.view(), "value = ", "value = ") == [("a", "3")]
    assert sorted(found(before, "value = ", "value = ")) == [("a", "1"), ("b", "2")]
    index.remove(["a"])
    assert index.nbytes == 0
    assert index.keys == frozenset()


def test_places_at_borders() -> None:
    """None at the end of a file, none inside a character, none across two files."""
    index = WorkspaceIndex()
    index.update({"a": "total", "b": "é = total\n", "c": ""})
    view = index.view()

    assert found(view, "total", "total") == [("b", "")]
    assert found(view, "total\0é", "é") == [("b", " = total")]
    (segment,) = view.segments
    places = list(segment.order)
    assert all("\ufffd" not in "".join(segment.around(place)) for place in places)
    assert len(places) == len("total") - 1 + len("é = total\n") - 1


def test_any_text_is_taken() -> None:
    """Zero bytes, half characters, the empty one."""
    index = WorkspaceIndex()
    index.update({"a": "x = \0 1\n", "b": "\ud83d = 2\n", "c": "", "😋": "smile = 1\n"})

    assert found(index.view(), "smile = ", "smile = ") == [("😋", "1")]
    assert found(index.view(), "\ud83d = ", " = ")[0] == ("b", "2")
    assert backwards("ab") == b"ba"


def test_small_segments_are_put_together() -> None:
    """Whatever is saved in whatever order, few segments remain, with all present texts."""
    rng = random.Random(0)  # noqa: S311 - reproducible
    index = WorkspaceIndex()
    texts: dict[str, str] = {}
    for step in range(120):
        key = f"f{rng.randrange(30)}"
        if rng.random() < 0.2:
            texts.pop(key, None)
            index.remove([key])
        else:
            texts[key] = f"name_{key} = {step}\n" * rng.randrange(1, 50)
            index.update({key: texts[key]})
        if step % 20 == 19:
            view = index.view()
            assert len(view.segments) <= 7
            assert view.owners.keys() == texts.keys()
            assert {name: view.text(name) for name in view.files()} == texts
            for name, text in texts.items():
                needle = f"name_{name} = "
                rest = text.partition("\n")[0].removeprefix(needle)
                assert found(view, "\n" + needle, needle)[:1] == [(name, rest)]


def test_large_updates_make_several_segments() -> None:
    """A segment has a size at which it is left alone, and a file is in one of them."""
    index = WorkspaceIndex()
    third = SEGMENT_BYTES // 3
    index.update(
        {str(number): f"value_{number} = 1\n" + "x\n" * (third // 2) for number in range(7)}
    )
    view = index.view()

    assert len(view.segments) == 4
    assert all(len(segment.text) <= SEGMENT_BYTES + 7 for segment in view.segments)
    assert found(view, "value_6 = ", "value_6 = ") == [("6", "1")]
    assert index.nbytes == pytest.approx(5 * 7 * third, rel=0.01)


def test_readers_see_whole_states() -> None:
    """While files change in another thread, each search finds either text of a file, never both."""
    index = WorkspaceIndex()
    index.update({"a": "value = 0\n"})
    stop = threading.Event()

    def change() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            index.update({"a": f"value = {number}\n", f"b{number % 9}": "x = 1\n"})

    writer = threading.Thread(target=change)
    writer.start()
    try:
        for _ in range(300):
            assert len(found(index.view(), "value = ", "value = ")) == 1
    finally:
        stop.set()
        writer.join()
