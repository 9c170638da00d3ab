"""Matches in the open files, and the hints that come of them."""

import time
from typing import Any

import pytest

from inference.request import CompletionRequest, Reference
from inference.tokenizer import Tokenizer
from inference.workspace_expert import WorkspaceExpert, rest_start, texts_around
from inference.workspace_match import LONGEST, Draft, find_draft


def request(prefix: str, suffix: str = "", **changes: Any) -> CompletionRequest:
    """Return a request at a place of one document."""
    fields: dict[str, Any] = {"document": "a", "path": "a.py"}
    return CompletionRequest(prefix=prefix, suffix=suffix, **(fields | changes))


def reference(text: str, key: str = "b") -> Reference:
    """Return an open file."""
    return Reference(key=key, version=1, text=text)


def draft(tail: str, *texts: str, lines: int = 1) -> Draft | None:
    """Match the end of `tail` in texts behind an empty document."""
    return find_draft(tail, ["", *texts], lines=lines)


def test_longest_match_wins() -> None:
    """Not the nearest, not the most frequent: the longest."""
    found = draft("    self.total = ", "x.total = 1\nx.total = 1\n", "    self.total = 2\n")

    assert found is not None
    assert found.text == "2\n"
    assert found.length == len("    self.total = ")


def test_match_begins_inside_a_word() -> None:
    """Characters are compared: `val` goes on with `ue`."""
    found = draft("        return val", "        return value\n")

    assert found is not None
    assert found.text == "ue\n"


def test_majority_goes_on() -> None:
    """Among equally long matches the most frequent continuation wins, with its votes."""
    found = draft("values.", "values.append(1)\nvalues.append(2)\nvalues.pop()\n")

    assert found is not None
    assert found.text == "append(1)\n"
    assert found.support(0) == (2, 3)
    assert found.support(len("append")) == (2, 2)
    assert found.support(len("append(")) == (1, 2)


def test_nearest_wins_a_tie() -> None:
    """In the document itself the last place before the cursor is the nearest."""
    found = find_draft("result = ", ["result = 1\nresult = 2\nresult = "], lines=1)

    assert found is not None
    assert found.text == "2\n"


@pytest.mark.parametrize("tail", ["", "x = ", "    \n\n  \n", "a b c d e"])
def test_short_matches_do_not_count(tail: str) -> None:
    """Fewer than six visible characters before the cursor foretell nothing."""
    assert draft(tail, f"{tail}1\n" * 3) is None


def test_cursor_itself_is_no_match() -> None:
    """The end of the document is not where its own end occurs."""
    assert find_draft("unique_name = ", ["unique_name = "], lines=1) is None
    assert texts_around(request("ab\n", "cd", references=(reference("x ab\ncd y", "a"),))) == [
        "x ab\n",
        "cd y",
    ]


def test_own_text_of_another_version_is_left_out() -> None:
    """Where the reference is not the text around the cursor, the request's window stands."""
    assert texts_around(request("ab\n", "cd", references=(reference("old", "a"),))) == [
        "ab\n",
        "cd",
    ]


def test_draft_of_one_line_ends_with_it() -> None:
    """The line end is part of what is expected; several lines only where asked for."""
    text = "for item in items:\n    use(item)\n    count += 1\nprint()\n"
    one, three = (draft("for item in ", text, lines=lines) for lines in (1, 3))

    assert one is not None
    assert three is not None
    assert one.text == "items:\n"
    assert three.text.startswith("items:\n    use(item)\n    count += 1\n")


@pytest.mark.parametrize(
    ("text", "rest", "end"),
    [("x, y)\n", ")", 4), ("x, y)\n", "", None), ("x, y\n", ")", None), (")\n", ")", 0)],
)
def test_draft_ends_before_what_stands_behind_the_cursor(
    text: str, rest: str, end: int | None
) -> None:
    """An auto-closed bracket is not written twice."""
    assert rest_start(text, rest) == end


def follow(expert: WorkspaceExpert, tokenizer: Tokenizer, *, stop_id: int) -> str:
    """Take every hint; return what is written until none is left or the stop is hinted."""
    text = ""
    while (hint := expert.hint()) is not None and hint.token != stop_id and "\n" not in text:
        written = tokenizer.decode([hint.token])
        text += written
        expert.advance(hint.token, written, text)
    return text


def test_hints_spell_the_draft(tokenizer: Tokenizer) -> None:
    """Token by token, with weights that rise along the match; then the stop before the bracket."""
    expert = WorkspaceExpert(
        request("print(", ")\n", references=(reference("print(total, count)\n"),)),
        tokenizer.encode,
        0,
    )
    first = expert.hint()
    text = follow(expert, tokenizer, stop_id=0)
    last = expert.hint()

    assert first is not None
    assert last is not None
    assert text == "total, count"
    assert last.token == 0
    assert 0 < first.weight < last.weight < 1


def test_leaving_the_draft_looks_further(tokenizer: Tokenizer) -> None:
    """Another token than the expected one ends the draft and finds the next match."""
    texts = (reference("value = compute(1)\n"), reference("value = collect(seven)\n"))
    expert = WorkspaceExpert(request("value = ", references=texts), tokenizer.encode, 0)
    written = "collect("

    expert.advance(-1, written, written)

    assert follow(expert, tokenizer, stop_id=0) == "seven)\n"


def test_no_match_no_hint(tokenizer: Tokenizer) -> None:
    """Nothing to say is a fine answer, at every step."""
    expert = WorkspaceExpert(request("something new "), tokenizer.encode, 0)

    assert expert.hint() is None
    expert.advance(10, "x", "x")
    assert expert.hint() is None


def test_hostile_repetition_stays_bounded() -> None:
    """A megabyte of one character, matching everywhere, ends after a bounded number of places."""
    text = "a" * 1_000_000
    started = time.thread_time()

    found = find_draft("a" * 1000, [text, text, text], lines=8)

    assert found is not None
    assert found.length == LONGEST
    assert time.thread_time() - started < 5  # quadratic work would take minutes


def test_sources_foretell_themselves(tokenizer: Tokenizer, project_sources: dict[str, str]) -> None:
    """With a file's own text open elsewhere every longer line is foretold to its end."""
    text = max(project_sources.values(), key=len)
    lines = [line for line in text.splitlines(keepends=True) if len(line.strip()) > 30]
    right = 0
    for line in lines[:40]:
        at = text.index(line) + len(line) // 2
        expert = WorkspaceExpert(
            request(text[:at], "\n", references=(reference(text),)), tokenizer.encode, 0
        )
        right += follow(expert, tokenizer, stop_id=0) == text[at : text.index("\n", at) + 1]

    assert right >= 38
