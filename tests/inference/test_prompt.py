"""What the model reads, and how little of it changes while somebody types."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.comparing import common_prefix
from inference.errors import ContextLengthError
from inference.manifest import ChatFormat, FimMarkers, TaskTokens
from inference.model_dir import default_model
from inference.prompt import PromptBuilder
from inference.request import CompletionRequest, FixTask, Snippet
from inference.tokenizer import Tokenizer

MARKERS = FimMarkers(style="spm", prefix=2, suffix=3, middle=4, file_sep=5, pad=1)
PSM = replace(MARKERS, style="psm")
PLAIN = FimMarkers(style="none", prefix=None, suffix=None, middle=None, file_sep=None, pad=None)
MAX_CHANGED = 8  # tokens that one typed character may change


def builder(
    tokenizer: Tokenizer, markers: FimMarkers = MARKERS, budget: int = 768
) -> PromptBuilder:
    """Build prompts for a model of 1,024 tokens."""
    return PromptBuilder(tokenizer, markers, budget=budget, start_id=0)


def request(prefix: str, suffix: str = "", **changes: Any) -> CompletionRequest:
    """Return a request at a place of one document."""
    fields: dict[str, Any] = {"document": "a", "path": "pkg/a.py"}
    return CompletionRequest(prefix=prefix, suffix=suffix, **(fields | changes))


def test_spm_layout(tokenizer: Tokenizer) -> None:
    """Header, both markers, the suffix, the middle marker, the prefix; parts encoded alone."""
    encode = tokenizer.encode

    ids = builder(tokenizer).build(request("x = fo", "o()\n"))

    assert ids == [5, *encode("pkg/a.py\n"), 2, 3, *encode("o()\n"), 4, *encode("x = fo")]


def test_psm_layout(tokenizer: Tokenizer) -> None:
    """Lines before the cursor's, the suffix, the middle marker, the cursor's line."""
    encode = tokenizer.encode

    ids = builder(tokenizer, PSM).build(request("import y\nx = fo", "o()\n", path=""))

    assert ids == [2, *encode("import y\n"), 3, *encode("o()\n"), 4, *encode("x = fo")]


def test_suffix_first_layout(tokenizer: Tokenizer) -> None:
    """The suffix, lines before the cursor's, the middle marker, the cursor's line."""
    encode = tokenizer.encode
    markers = replace(MARKERS, style="suffix_first")

    ids = builder(tokenizer, markers).build(request("import y\nx = fo", "o()\n", path=""))

    assert ids == [3, *encode("o()\n"), 2, *encode("import y\n"), 4, *encode("x = fo")]


def test_begin_of_text_stands_first(tokenizer: Tokenizer) -> None:
    """Before the header, within the budget, and alone where there is nothing else."""
    prompts = PromptBuilder(tokenizer, MARKERS, budget=64, start_id=0, begin_id=9)

    ids = prompts.build(request("x = fo", "o()\n"))
    long = prompts.build(request("value = 1\n" * 500, "total = 2\n" * 500))

    assert ids == [9, *builder(tokenizer, budget=64).build(request("x = fo", "o()\n"))]
    assert (long[0], long.count(9)) == (9, 1)
    assert 32 < len(long) <= 64
    assert prompts.build(request("", path="")) == [9]


def written(tokenizer: Tokenizer, budget: int = 768) -> PromptBuilder:
    """Build prompts for a model that chats and has no markers."""
    chat = ChatFormat(before=(10, "user", 11), after=(12, "assistant", 11))
    return PromptBuilder(tokenizer, PLAIN, budget=budget, start_id=0, chat=chat)


def test_written_layout(tokenizer: Tokenizer) -> None:
    """A question with path and suffix between the marks; the prefix begins the answer."""
    encode = tokenizer.encode

    ids = written(tokenizer).build(request("import y\nx = fo", "o()\n<|fix|>"))

    prefix, suffix = encode("import y\nx = fo"), encode("o()\n<|fix|>")
    assert ids[: 1 + len(encode("user")) + 1] == [10, *encode("user"), 11]
    end = [12, *encode("assistant"), 11, *prefix]
    assert ids[-len(end) :] == end
    places = [at for at in range(len(ids)) if ids[at : at + len(suffix)] == suffix]
    assert len(places) == 1
    assert sum(ids.count(mark) for mark in (10, 12)) == 2
    text = b"".join(tokenizer.token_bytes(token) for token in ids).decode()
    assert "Write the source file pkg/a.py: the part" in text


def test_written_prompt_tells_the_task(tokenizer: Tokenizer) -> None:
    """The complaint and the faulty line, or that a docstring is wanted."""
    prompts = written(tokenizer)
    plain = prompts.build(request("x = 1", "\n"))
    fix = FixTask(diagnostic="F821 undefined name `y`", faulty="x = y")

    asked = prompts.build(request("", "\nz = 3\n", fix=fix))
    docstring = prompts.build(request("x = 1", "\n", docstring=True))

    text = b"".join(tokenizer.token_bytes(token) for token in asked).decode()
    assert "x = y\na checker said: F821 undefined name `y`" in text
    assert docstring != plain


def test_written_question_that_is_too_long_is_not_asked(tokenizer: Tokenizer) -> None:
    """The text before the cursor goes first."""
    ids = written(tokenizer, budget=32).build(request("x = fo", "o()\n"))

    assert ids == tokenizer.encode("x = fo")


def test_typing_changes_the_end_of_a_written_prompt(tokenizer: Tokenizer) -> None:
    """The question stays as it is."""
    prompts = written(tokenizer)
    first = prompts.build(request("import y\nx = fo", "\nend\n"))
    second = prompts.build(request("import y\nx = foo", "\nend\n"))

    assert len(first) - common_prefix(first, second) <= MAX_CHANGED


def test_the_shown_suffix_stands_for_the_suffix(tokenizer: Tokenizer) -> None:
    """The prompt has the one that the caller wants shown, and only that."""
    prompts = builder(tokenizer)

    shown = prompts.build(request("x = 1", "\ny = 2\n", shown_suffix="\nz = 3\n"))

    assert shown == prompts.build(request("x = 1", "\nz = 3\n"))


def test_a_jump_lands_on_a_border(tokenizer: Tokenizer) -> None:
    """A prefix that must be cut begins where a definition does, if one is near."""
    encode = tokenizer.encode
    lines = [f"def name_{number}():\n    return {number}\n" for number in range(400)]
    prefix = "".join(lines)
    starts = tuple(len("".join(lines[:number])) for number in range(0, 400, 5))

    cut = builder(tokenizer, PLAIN).build(request(prefix, path=""))
    at_border = builder(tokenizer, PLAIN).build(request(prefix, path="", borders=starts))

    assert cut != at_border
    assert at_border in [encode(prefix[start:]) for start in starts]
    assert len(cut) * 0.8 < len(at_border) < len(cut)


def test_going_back_finds_the_former_window(tokenizer: Tokenizer) -> None:
    """Far down in a long file and back again: the prompt begins where it began before."""
    prompts = builder(tokenizer)
    lines = [f"value_{number} = {number}\n" for number in range(1000)]
    here, there = "".join(lines[:300]), "".join(lines[:420])
    first = prompts.build(request(here, "\nend\n"))
    prompts.build(request(there, "\nend\n"))

    assert prompts.build(request(here, "\nend\n")) == first


@pytest.mark.parametrize("suffix", ["", "\n", " \n\t\n"])
def test_plain_layout_where_nothing_follows(tokenizer: Tokenizer, suffix: str) -> None:
    """Blanks behind the cursor are no text to fill a gap before."""
    encode = tokenizer.encode

    ids = builder(tokenizer).build(request("x = fo", suffix))

    assert ids == [5, *encode("pkg/a.py\n"), *encode("x = fo")]


def test_model_without_markers_reads_the_prefix(tokenizer: Tokenizer) -> None:
    """No header, no suffix."""
    assert builder(tokenizer, PLAIN).build(request("x = fo", "o()\n")) == tokenizer.encode("x = fo")


def test_empty_file_has_a_prompt(tokenizer: Tokenizer) -> None:
    """Something must be run: the start id stands alone."""
    assert builder(tokenizer).build(request("", path="")) == [0]


def test_snippets_stand_before_the_file(tokenizer: Tokenizer) -> None:
    """Each behind a separator, whole or not at all."""
    encode = tokenizer.encode
    small = Snippet(path="b.py", text="y = 1\n")
    large = Snippet(path="c.py", text="z = 2\n" * 500)

    ids = builder(tokenizer).build(request("x", snippets=(small, large)))

    assert ids == [5, *encode("b.py\ny = 1\n"), 5, *encode("pkg/a.py\n"), *encode("x")]


def test_markers_in_the_document_are_text(tokenizer: Tokenizer) -> None:
    """Only the markers that the layout inserts are marker ids."""
    text = "".join(tokenizer.added.values())

    ids = builder(tokenizer).build(
        request(text, text, path=text, snippets=(Snippet(path=text, text=text),))
    )

    assert [token for token in ids if token in tokenizer.added] == [5, 5, 2, 3, 4]


def test_windows_begin_and_end_at_lines(
    tokenizer: Tokenizer, project_sources: dict[str, str]
) -> None:
    """What does not fit is cut: the prefix at a line start, the suffix at a line end."""
    text = "\n".join(project_sources.values())
    cursor = text.index("\n", len(text) // 2) - 3

    ids = builder(tokenizer, budget=400).build(request(text[:cursor], text[cursor:], path=""))

    middle = ids.index(4)
    suffix, prefix = tokenizer.decode(ids[2:middle]), tokenizer.decode(ids[middle + 1 :])
    assert len(ids) <= 400
    assert text[:cursor].endswith("\n" + prefix)
    assert text[cursor:].startswith(suffix)
    assert suffix.endswith("\n")
    assert len(prefix) > 100  # not just the last line


def test_jump_uses_the_room(tokenizer: Tokenizer) -> None:
    """Lines that begin with brackets, which the tokenizer joins to their neighbours, count too."""
    text = "table = (\n" + "    (1, 2, 3),\n" * 400

    ids = builder(tokenizer, budget=400).build(request(text, path=""))

    assert 270 <= len(ids) <= 320  # the budget less a fifth; lines are counted one by one


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(
    prefix=st.text(alphabet="ab \n😋(\t\ud800", max_size=80),
    suffix=st.text(alphabet="ab \n😋)\r", max_size=80),
    repeat=st.integers(1, 400),
    budget=st.integers(16, 300),
    style=st.sampled_from([MARKERS, PSM, PLAIN]),
    path=st.text(max_size=40),
)
def test_any_request_fits(
    tokenizer: Tokenizer,
    prefix: str,
    suffix: str,
    repeat: int,
    budget: int,
    style: FimMarkers,
    path: str,
) -> None:
    """Between one token and the budget, whatever the text: long lines, halves of characters."""
    prompts = builder(tokenizer, style, budget)
    snippet = Snippet(path=path, text=prefix)

    ids = prompts.build(request(prefix * repeat, suffix * repeat, path=path, snippets=(snippet,)))

    assert 1 <= len(ids) <= budget
    assert all(0 <= token < tokenizer.size for token in ids)


def typing_places(project_sources: dict[str, str], rng: random.Random) -> tuple[str, int]:
    """Choose a text of up to 1 MB and a place in it."""
    text = "\n".join(rng.sample(sorted(project_sources.values()), 4))
    if rng.random() < 0.2:
        text = (text * 40)[:1_000_000]
    return text, rng.randrange(1, len(text))


def type_and_check(tokenizer: Tokenizer, sources: dict[str, str], seed: int) -> None:
    """Type 380 characters key by key at six places, and compare each prompt with the one before."""
    rng = random.Random(seed)  # noqa: S311 - reproducible places, nothing secret
    for _ in range(6):
        text, at = typing_places(sources, rng)
        prompts = builder(tokenizer, budget=rng.choice([300, 768, 3000]))
        suffix = text[at:][: rng.choice([0, 200, 8000])]
        typed = text[at : at + 380] + rng.choice(["😋😋 = 1\n", "\n\n\n    ", "'''\n", "#\t\t)"])
        before = prompts.build(request(text[:at], suffix))
        for end in range(1, len(typed) + 1):
            after = prompts.build(request(text[:at] + typed[:end], suffix))
            changed = len(after) - common_prefix(before, after)
            outgrown = len(before) >= prompts.budget - MAX_CHANGED
            assert changed <= MAX_CHANGED or (outgrown and len(after) < 0.9 * prompts.budget)
            before = after


@pytest.mark.parametrize("seed", range(6))
def test_typing_changes_only_the_tail(
    tokenizer: Tokenizer, project_sources: dict[str, str], seed: int
) -> None:
    """One typed character changes at most 8 tokens at the end, wherever it is typed.

    Only when the prefix has outgrown its room does its start jump, and then far enough to leave a
    fifth of the room.
    """
    type_and_check(tokenizer, project_sources, seed)


@pytest.mark.parametrize("seed", range(6, 9))
def test_typing_with_the_shipped_tokenizer(project_sources: dict[str, str], seed: int) -> None:
    """The same with the vocabulary that users have."""
    shipped = Tokenizer.open(default_model() / "tokenizer.json")

    type_and_check(shipped, project_sources, seed)


def test_first_prompt_leaves_room_to_type(tokenizer: Tokenizer) -> None:
    """A document that just fits is cut at once, so that the next key does not start over."""
    prompts = builder(tokenizer, budget=300)
    line = "value = compute(value)\n"
    for count in range(20, 60):
        before = prompts.build(request(line * count, document=str(count)))
        after = prompts.build(request(f"{line * count}v", document=str(count)))

        assert len(after) - common_prefix(before, after) <= MAX_CHANGED


def test_callers_window_may_slide(tokenizer: Tokenizer, project_sources: dict[str, str]) -> None:
    """A caller that cuts at another place each time still gets the pinned start."""
    text = "\n".join(project_sources.values())[:60_000]
    prompts = builder(tokenizer)
    before = prompts.build(request(text[20_000:40_000], text[50_000:]))

    for step in range(1, 60):
        after = prompts.build(request(text[20_000 + step : 40_000 + step], text[50_000:]))
        assert common_prefix(before, after) >= len(after) - MAX_CHANGED
        before = after


def test_documents_are_pinned_apart(tokenizer: Tokenizer, project_sources: dict[str, str]) -> None:
    """Another document in between does not move the first one's start."""
    text = "\n".join(project_sources.values())[:60_000]
    prompts = builder(tokenizer)
    before = prompts.build(request(text, "end\n"))
    for number in range(20):
        prompts.build(request(text[: 30_000 + number], "end\n", document=f"other {number}"))

    after = prompts.build(request(text + "x", "end\n"))

    assert common_prefix(before, after) >= len(after) - MAX_CHANGED


def test_edit_above_keeps_the_start(tokenizer: Tokenizer, project_sources: dict[str, str]) -> None:
    """A line inserted inside the window leaves what stands before it in the cache."""
    text = "\n".join(project_sources.values())[:60_000]
    prompts = builder(tokenizer)
    before = prompts.build(request(text, "end\n"))
    place = text.rindex("\n", 0, len(text) - 300) + 1

    after = prompts.build(request(f"{text[:place]}import new\n{text[place:]}", "end\n"))

    assert common_prefix(before, after) > len(after) // 2


def test_small_budget_is_refused(tokenizer: Tokenizer) -> None:
    """Below 16 tokens no prompt makes sense."""
    with pytest.raises(ContextLengthError, match="at least 16 tokens, got 15"):
        builder(tokenizer, budget=15)


def test_styles_render_their_markers(
    tokenizer: Tokenizer, make_spec: Callable[[str], dict[str, Any]]
) -> None:
    """Every style with markers shows each of them exactly once, in its order."""
    assert make_spec("mixline")["added_tokens"][2]["content"] == "<|fim_prefix|>"
    for markers, order in ((MARKERS, [2, 3, 4]), (PSM, [2, 3, 4]), (PLAIN, [])):
        ids = builder(tokenizer, markers).build(request("a", "b", path=""))

        assert [token for token in ids if token in tokenizer.added] == order


def test_fix_task_opens_the_prompt(tokenizer: Tokenizer) -> None:
    """As in training: task tokens, diagnostic and faulty line, then the file with its hole.

    Text that looks like a marker stays text; a model without the task, and a complaint that would
    fill the prompt, leave the plain prompt.
    """
    tasks = TaskTokens(doc=6, fix=7, diag=8)
    trained = PromptBuilder(tokenizer, MARKERS, budget=768, start_id=0, tasks=tasks)
    plain = request("import os\n", "\nx = 1\n")
    asked = FixTask(diagnostic="F821 <|fim_middle|>", faulty="print(cofig)")

    ids = trained.build(replace(plain, fix=asked))

    said = tokenizer.encode("F821 <|fim_middle|>\nprint(cofig)\n")
    assert ids == [7, 8, *said, *trained.build(plain)]
    assert 4 not in said
    assert builder(tokenizer).build(replace(plain, fix=asked)) == trained.build(plain)
    long = FixTask(diagnostic="x y " * 2000, faulty="")
    assert trained.build(replace(plain, fix=long)) == trained.build(plain)
