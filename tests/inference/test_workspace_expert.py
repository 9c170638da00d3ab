"""Matches in the open files, and the hints that come of them."""

from typing import Any

import numpy as np

from inference.line_ends import NO_LINE_ENDS
from inference.request import CompletionRequest, Reference
from inference.tokenizer import Tokenizer
from inference.workspace_expert import WorkspaceExpert, texts_around
from inference.workspace_index import WorkspaceIndex
from inference.workspace_match import Column


def request(prefix: str, suffix: str = "", **changes: Any) -> CompletionRequest:
    """Return a request at a place of one document."""
    fields: dict[str, Any] = {"document": "a", "path": "a.py"}
    return CompletionRequest(prefix=prefix, suffix=suffix, **(fields | changes))


def reference(text: str, key: str = "b") -> Reference:
    """Return an open file."""
    return Reference(key=key, version=1, text=text)


def test_the_document_is_cut_at_the_cursor() -> None:
    """Its own reference is longer than the window; the cursor's place is no match."""
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


def make(tokenizer: Tokenizer, asked: CompletionRequest, **more: Any) -> WorkspaceExpert:
    """Return the expert for a request."""
    return WorkspaceExpert(asked, tokenizer, 0, **more)


def expected(expert: WorkspaceExpert, tokenizer: Tokenizer) -> tuple[int, float] | None:
    """Return the token with the largest share and its share, as a network without opinion has it.

    A token 0, the stop, is expected like any other.
    """
    flat = np.full(tokenizer.size, 1 / tokenizer.size, dtype=np.float32)
    hint = expert.hint(flat, NO_LINE_ENDS)
    if hint is None:
        return None
    best = int(hint.weights.argmax())
    return int(hint.tokens[best]), float(hint.weights[best])


def follow(expert: WorkspaceExpert, tokenizer: Tokenizer) -> str:
    """Take what is most expected until the line has ended, nothing is left, or the stop comes."""
    text = ""
    while "\n" not in text and (best := expected(expert, tokenizer)) is not None and best[0]:
        written = tokenizer.decode([best[0]])
        text += written
        expert.advance(best[0], written, text, logprob=0.0)
    return text


def test_what_is_expected_spells_the_line(tokenizer: Tokenizer) -> None:
    """Token by token, with shares that rise along the match; then the stop before the bracket."""
    expert = make(
        tokenizer, request("print(", ")\n", references=(reference("print(total, count)\n"),))
    )
    first = expected(expert, tokenizer)
    text = follow(expert, tokenizer)
    last = expected(expert, tokenizer)

    assert text == "total, count"
    assert first is not None
    assert last is not None
    assert last[0] == 0
    assert 0 < first[1] < last[1] < 1


def test_a_place_that_was_right_is_believed(tokenizer: Tokenizer) -> None:
    """The more the less the network had expected of what it foretold."""

    def second(chance: float) -> float:
        asked = request("value = ", references=(reference("value = compute(1)\n"),))
        expert = make(tokenizer, asked)
        probabilities = np.full(tokenizer.size, 1e-3, dtype=np.float32)
        first = tokenizer.encode_start("compute(1)\n")[0]
        probabilities[first] = chance
        hint = expert.hint(probabilities, NO_LINE_ENDS)
        assert hint is not None
        written = tokenizer.decode([first])
        expert.advance(first, written, written, logprob=-1.0)
        best = expected(expert, tokenizer)
        assert best is not None
        return best[1]

    assert second(0.9) < second(0.001)


def test_places_found_later_know_what_they_have_in_common(tokenizer: Tokenizer) -> None:
    """A text that has the tokens written so far is told of them as if it had foretold them."""
    texts = (reference("value = compute(1)\n"), reference("other = collect(seven)\n"))

    def found(logprob: float) -> list[int]:
        expert = make(tokenizer, request("value = ", references=texts))
        expert.hint(np.full(tokenizer.size, 0.01, dtype=np.float32), NO_LINE_ENDS)
        expert.advance(0, "collect(", "collect(", logprob=logprob)
        (row,) = expert.places.table[:, [Column.FORETOLD, Column.EXPLAINED]].tolist()
        return list(row)

    (one, unlikely), (same, likely) = found(-4.0), found(-3.0)
    assert one == same == 1
    assert unlikely - likely == 100


def test_shares_leave_something_to_the_network(tokenizer: Tokenizer) -> None:
    """Together less than 1, each above 0, each token once."""
    texts = (reference("value = compute(1)\n"), reference("value = collect(seven)\n"))
    flat = np.full(tokenizer.size, 1 / tokenizer.size, dtype=np.float32)
    hint = make(tokenizer, request("value = ", references=texts)).hint(flat, NO_LINE_ENDS)

    assert hint is not None
    assert 0 < hint.weights.min() <= hint.weights.sum() < 1
    assert len(set(hint.tokens.tolist())) == len(hint.tokens)


def test_forbidden_tokens_are_not_expected(tokenizer: Tokenizer) -> None:
    """Where the network's probability is 0 there is no share."""
    expert = make(tokenizer, request("print(", references=(reference("print(total)\n"),)))
    best = expected(expert, tokenizer)
    assert best is not None
    chances = np.full(tokenizer.size, 1.0, dtype=np.float32)
    chances[best[0]] = 0.0

    assert expert.hint(chances, NO_LINE_ENDS) is None


def test_the_longer_match_is_expected(tokenizer: Tokenizer) -> None:
    """Against a shorter one that is nearer and more frequent."""
    line = "    self.connection.total = "
    texts = (reference("x.total = 1\nx.total = 1\n"), reference(f"{line}seven\n"))
    expert = make(tokenizer, request(f"seven = 7\n{line}", references=texts))

    assert follow(expert, tokenizer) == "seven\n"


def test_most_places_win(tokenizer: Tokenizer) -> None:
    """Among equally long matches the most frequent continuation."""
    text = "values.append(1)\nvalues.pop()\nvalues.append(1)\nvalues.append(1)\n"

    assert follow(
        make(tokenizer, request("values.", references=(reference(text),))), tokenizer
    ) == ("append(1)\n")


def test_leaving_the_text_looks_further(tokenizer: Tokenizer) -> None:
    """What was written is looked for in turn."""
    texts = (reference("value = compute(1)\n"), reference("other = collect(seven)\n"))
    expert = make(tokenizer, request("value = ", references=texts))
    assert follow(make(tokenizer, request("value = ", references=texts)), tokenizer) == (
        "compute(1)\n"
    )

    expert.advance(0, "collect(", "collect(", logprob=0.0)

    assert follow(expert, tokenizer) == "seven)\n"


def test_what_is_written_again_comes_first(tokenizer: Tokenizer) -> None:
    """Tokens of old and new text as the tokenizer has them; afterwards those of the new alone."""
    asked = request("print(to", references=(reference("print(total)\n"),))
    expert = make(tokenizer, asked, rewritten="(to")
    best = expected(expert, tokenizer)
    assert best is not None
    assert best[0] == tokenizer.encode("(total)\n")[0]

    expert.advance(0, "", "", logprob=0.0)
    assert expected(expert, tokenizer) is not None
    assert follow(expert, tokenizer) == "tal)\n"


def test_several_lines_are_followed_where_asked_for(tokenizer: Tokenizer) -> None:
    """Across line ends, token by token."""
    text = "for item in items:\n    use(item)\n    count += 1\nprint()\n"
    expert = make(
        tokenizer, request("for item in ", multi_line=True, references=(reference(text),))
    )
    written = ""
    while len(written) < 40 and (best := expected(expert, tokenizer)) is not None:
        piece = tokenizer.decode([best[0]])
        written += piece
        expert.advance(best[0], piece, written, logprob=0.0)

    assert written.startswith("items:\n    use(item)\n    count += 1")


def test_no_match_no_hint(tokenizer: Tokenizer) -> None:
    """Nothing to say is a fine answer, at every step."""
    expert = make(tokenizer, request("something new "))

    assert expected(expert, tokenizer) is None
    expert.advance(0, "x", "x", logprob=0.0)
    assert expected(expert, tokenizer) is None


def test_texts_are_bounded() -> None:
    """What is searched as strings: near the cursor, and others up to a length together."""
    own = "x" * 450_000
    small, large = reference("y" * 150_000), reference("z" * 450_000)
    asked = request("ab\n", "cd", references=(reference(f"{own}ab\ncd{own}", "a"), small, large))
    before, after, *others = texts_around(asked)

    assert (len(before), len(after)) == (400_000, 400_000)
    assert before.endswith("xab\n")
    assert after.startswith("cdx")
    assert others == [small.text]


def test_the_workspace_is_matched_against(tokenizer: Tokenizer) -> None:
    """Files that were never opened, but for those that are hidden."""
    index = WorkspaceIndex()
    index.update({"b": "value = compute(1)\n", "c": "value = collect(seven)\n"})

    def written(hidden: str) -> str:
        asked = request("value = ", workspace=index.view(hidden=[hidden]))
        return follow(make(tokenizer, asked), tokenizer)

    assert written("c") == "compute(1)\n"
    assert written("b") == "collect(seven)\n"


def test_the_end_of_a_file_is_no_end_of_a_line(tokenizer: Tokenizer) -> None:
    """A file may end where somebody types: its last token may be the beginning of another one."""

    def written(*texts: str) -> str:
        references = tuple(map(reference, texts))
        expert = make(tokenizer, request("value = ", references=references))
        return follow(expert, tokenizer)

    line = "value = compute(first, second)"
    ended, cut = written(f"{line}\n"), written(line)
    assert ended == "compute(first, second)\n"
    assert ended.startswith(cut)
    assert len(cut) > len("compute(first")
    assert ")" not in cut
    assert written(f"{line}\n", line, line, line) == ended


def test_sources_foretell_themselves(tokenizer: Tokenizer, project_sources: dict[str, str]) -> None:
    """With a file's own text open elsewhere nearly every longer line is foretold to its end."""
    text = max(project_sources.values(), key=len)
    lines = [line for line in text.splitlines(keepends=True) if len(line.strip()) > 30]
    right = 0
    for line in lines[:40]:
        at = text.index(line) + len(line) // 2
        end = text.index("\n", at) + 1
        asked = request(text[:at], text[end - 1 :], references=(reference(text),))
        right += follow(make(tokenizer, asked), tokenizer) == text[at:end]

    assert right >= 38
