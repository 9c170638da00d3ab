"""Text to ids and back."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.errors import ModelDirectoryError
from inference.tokenizer import _CACHED_TOKENS, TextDecoder, Tokenizer

Spec = dict[str, Any]
CODE_PIECES = st.sampled_from(
    ["\n", "\n\n", " ", "    ", "\t", "def", "x", "Ab", "_y", "12", "(", ")", ",", ".", ":", "'s",
     "é", "中", "😋", "\r", "\u3000", "#", "=="]
)  # fmt: skip
NAMES = ("mixline", "gpt2", "qwen")


@pytest.mark.parametrize("name", [*NAMES, "sentencepiece", "neox"])
def test_lines_are_exact_on_sources(
    name: str, make_spec: Callable[[str], Spec], project_sources: dict[str, str]
) -> None:
    """Encoding through the line cache gives the ids of encoding the whole text."""
    tokenizer = Tokenizer(make_spec(name))

    for text in project_sources.values():
        assert tokenizer.encode(text) == tokenizer._plain.encode(text).ids
    assert len(tokenizer._lines) > len(project_sources)  # it did cut


@pytest.mark.parametrize("name", [*NAMES, "sentencepiece", "neox"])
def test_lines_are_exact_on_mixtures(name: str, make_spec: Callable[[str], Spec]) -> None:
    """The same for arbitrary mixtures of blanks, words and signs."""
    tokenizer = Tokenizer(make_spec(name))

    @settings(max_examples=300, suppress_health_check=list(HealthCheck))
    @given(st.lists(CODE_PIECES, max_size=30).map("".join))
    def check(text: str) -> None:
        assert tokenizer.encode(text) == tokenizer._plain.encode(text).ids
        assert tokenizer.decode(tokenizer.encode(text)) == text

    check()


@pytest.mark.parametrize("name", NAMES)
def test_starts_are_those_of_the_whole(
    name: str, make_spec: Callable[[str], Spec], project_sources: dict[str, str]
) -> None:
    """The first ids of every line and half line, of words that are kept; and of any mixture."""
    tokenizer = Tokenizer(make_spec(name))
    lines = [line for text in project_sources.values() for line in text.splitlines(keepends=True)]

    def is_start(text: str) -> bool:
        ids, start = tokenizer.encode(text), tokenizer.encode_start(text)
        return ids[: len(start)] == start and bool(start) == bool(ids)

    assert all(is_start(line[at:]) for line in lines[::7] for at in (0, len(line) // 2))
    assert len(tokenizer._starts) < len(lines[::7])

    @settings(max_examples=300, suppress_health_check=list(HealthCheck))
    @given(st.lists(CODE_PIECES, max_size=12).map("".join))
    def check(text: str) -> None:
        assert is_start(text)

    check()


def test_added_tokens_of_blanks_are_text(make_spec: Callable[[str], Spec]) -> None:
    """Indentation becomes what the model was trained on; markers beside them still stay text."""
    tokenizer = Tokenizer(make_spec("neox"))
    text = "    def f(x):\n        return  x<|pad|>\n"
    ids = tokenizer.encode(text)

    assert ids[0] == 802
    assert [token for token in ids if token in tokenizer.added] == [802, 806, 800]
    assert tokenizer.decode(ids) == text


def test_long_lines_do_not_gather(tokenizer: Tokenizer) -> None:
    """Found by weighing the server: lines were kept by number, however long they are."""
    ids = [tokenizer.encode("x = y.z " * 1000 + str(key)) for key in range(200)]
    held = sum(map(len, [*tokenizer._lines.values(), *tokenizer._starts.values()]))

    assert sum(map(len, ids)) > 2 * _CACHED_TOKENS
    assert held < _CACHED_TOKENS + 2 * len(ids[0])


def test_markers_in_text_stay_text(make_spec: Callable[[str], Spec]) -> None:
    """No text yields an added token's id, special or not, and it comes back unchanged."""
    for special in (True, False):
        spec = make_spec("mixline")
        for entry in spec["added_tokens"]:
            entry["special"] = special
        spec["added_tokens"].append(
            {"id": 800, "content": "<tool>", "special": False, "normalized": False}
        )
        tokenizer = Tokenizer(spec)
        for content in tokenizer.added.values():
            for text in (content, f"x = '{content}'", content * 3, f" {content}\n{content}"):
                ids = tokenizer.encode(text)

                assert not set(ids) & set(tokenizer.added)
                assert tokenizer.decode(ids) == text


def test_marker_stays_text_when_merges_are_ignored(make_spec: Callable[[str], Spec]) -> None:
    """`ignore_merges` takes a word from the vocabulary as it is: markers must not be in it."""
    spec = make_spec("mixline")
    spec["model"]["ignore_merges"] = True
    spec["added_tokens"].append({"id": 0, "content": "endoftext", "special": True})
    spec["model"]["vocab"]["endoftext"] = spec["model"]["vocab"].pop("<|endoftext|>")
    spec["added_tokens"].pop(0)
    tokenizer = Tokenizer(spec)

    ids = tokenizer.encode("endoftext")

    assert 0 not in ids
    assert tokenizer.decode(ids) == "endoftext"


def test_lone_surrogates_become_replacement_characters(tokenizer: Tokenizer) -> None:
    """Half a UTF-16 pair has no bytes; a whole pair is its character."""
    assert tokenizer.decode(tokenizer.encode("a\ud83db\udc00")) == "a\ufffdb\ufffd"
    assert tokenizer.decode(tokenizer.encode("\ud83d\ude0b")) == "😋"


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=40))
def test_decoder_never_splits_a_character(tokenizer: Tokenizer, text: str) -> None:
    """Token by token the pieces join to the text, each of them valid."""
    decoder = TextDecoder()

    pieces = [decoder.push(tokenizer.token_bytes(token)) for token in tokenizer.encode(text)]

    assert "".join(pieces) == text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def test_decoder_holds_back_unfinished_bytes(tokenizer: Tokenizer) -> None:
    """The first bytes of an emoji give no text yet."""
    decoder = TextDecoder()
    ids = [tokenizer.encode(chr(0x1F60B))[0]]

    assert len(tokenizer.encode("😋")) > 1
    assert decoder.push(tokenizer.token_bytes(ids[0])) == ""


def test_unknown_ids_have_no_bytes(tokenizer: Tokenizer) -> None:
    """Ids of a padded head write nothing."""
    assert tokenizer.token_bytes(tokenizer.size) == b""
    assert tokenizer.token_bytes(-1) == b""


def bpe(**model: Any) -> str:
    """Return a tokenizer.json with this model."""
    return json.dumps({"model": {"type": "BPE"} | model, "decoder": {"type": "ByteLevel"}})


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '"x"',
        '{"model": null}',
        '{"model": {"type": "WordPiece", "vocab": {}}}',
        '{"model": {"type": "BPE", "vocab": {}, "merges": []}}',
        bpe(),
        bpe(vocab={"\u4e2d": 0}, merges=[]),
        bpe(vocab={"a": "b"}, merges=[]),
        bpe(vocab={"a": -5}, merges=[]),
        bpe(vocab={"a": 10**12}, merges=[]),
        bpe(vocab={"a": 2**31}, merges=[]),
        bpe(vocab={}, merges=[]),
        bpe(type=["x" * 9000]),
        bpe(vocab={"\u4e2d" * 9000: 0}, merges=[]),
        bpe(vocab={"a": 0}, merges=[["a", "z"]]),
    ],
)
def test_bad_files_are_refused(content: str, tmp_path: Path) -> None:
    """A damaged or foreign tokenizer.json gives one error of ours, which quotes little of it."""
    path = tmp_path / "tokenizer.json"
    path.write_text(content, encoding="utf-8")

    with pytest.raises(ModelDirectoryError, match="tokenizer") as refused:
        Tokenizer.open(path)
    assert len(str(refused.value)) < 1000


def test_missing_file_is_refused(tmp_path: Path) -> None:
    """A missing file is named."""
    with pytest.raises(ModelDirectoryError, match=r"nowhere\.json"):
        Tokenizer.open(tmp_path / "nowhere.json")


def test_saved_file_opens(make_spec: Callable[[str], Spec], tmp_path: Path) -> None:
    """What the trainer writes is what `open` reads."""
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(make_spec("qwen")), encoding="utf-8")

    assert Tokenizer.open(path).size == 800
