"""Markers, stops and tasks are those that the tokenizer's added tokens name."""

import json
from pathlib import Path

import pytest

from onnx_export.errors import CheckpointError
from onnx_export.formats import all_marks
from onnx_export.markers import SpecialTokens, read_special_tokens


def special_tokens(
    folder: Path, tokens: list[str], files: dict[str, object] | None = None
) -> SpecialTokens:
    """Read a tokenizer with these added tokens, the first of id 100."""
    added = [{"id": 100 + i, "content": token} for i, token in enumerate(tokens)]
    (folder / "tokenizer.json").write_text(json.dumps({"added_tokens": added}))
    for name, content in (files or {}).items():
        (folder / name).write_text(json.dumps(content))
    return read_special_tokens(folder, 1000)


def test_own_tokenizer(tiny_checkpoint: Path) -> None:
    """Suffix first, all tasks, every marker a stop."""
    found = read_special_tokens(tiny_checkpoint, 600)

    assert found.fim.style == "spm"
    assert (found.fim.prefix, found.fim.suffix, found.fim.middle) == (2, 3, 4)
    assert (found.fim.file_sep, found.fim.pad) == (5, 1)
    assert (found.task_tokens.doc, found.task_tokens.fix, found.task_tokens.diag) == (6, 7, 8)
    assert found.tasks == ("completion", "docstring", "fix")
    assert found.stop_ids == tuple(range(10))


def test_tokens_of_a_published_model(tmp_path: Path) -> None:
    """Prefix first; ends of text from both configuration files count."""
    names = ["<|endoftext|>", "<|im_end|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"]
    files: dict[str, object] = {
        "config.json": {"eos_token_id": 7},
        "generation_config.json": {"eos_token_id": [8, 101]},
        "tokenizer_config.json": {"chat_template": "{{ messages }}"},
    }
    found = special_tokens(tmp_path, [*names, "<|fim_pad|>", "<|file_sep|>"], files)

    assert found.fim.style == "psm"
    assert (found.fim.prefix, found.fim.suffix, found.fim.middle) == (102, 104, 103)
    assert found.tasks == ("completion",)
    assert found.stop_ids == (7, 8, 100, 101, 102, 103, 104, 105, 106)
    assert found.chat_template == "{{ messages }}"


TEMPLATE = {
    "type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {}}],
}
PLAIN = {"type": "TemplateProcessing", "single": [{"Sequence": {}}]}


@pytest.mark.parametrize(
    ("post_processor", "config", "begin_id"),
    [
        (None, None, None),
        (TEMPLATE, None, 101),
        (PLAIN, {"bos_token": "<s>"}, None),
        ({"type": "Sequence", "processors": [{"type": "ByteLevel"}, TEMPLATE]}, {}, 101),
        (TEMPLATE, {"add_bos_token": False, "bos_token": "<s>"}, None),
        (None, {"add_bos_token": True, "bos_token": "<s>"}, 101),
        (None, {"add_bos_token": True, "bos_token": {"content": "<s>"}}, 101),
        (None, {"add_bos_token": True, "bos_token": "<none>"}, None),
        (None, {"add_bos_token": True, "bos_token": None}, None),
    ],
)
def test_token_before_a_text(
    tmp_path: Path,
    post_processor: dict[str, object] | None,
    config: dict[str, object] | None,
    begin_id: int | None,
) -> None:
    """As the tokenizer's configuration says, else as `tokenizer.json` does."""
    added = [{"id": 100 + i, "content": token} for i, token in enumerate(("<unk>", "<s>"))]
    tokenizer = {"added_tokens": added, "post_processor": post_processor}
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer))
    if config is not None:
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))

    assert read_special_tokens(tmp_path, 1000).begin_id == begin_id


def test_model_without_markers(tmp_path: Path) -> None:
    """Two of three markers are none."""
    found = special_tokens(tmp_path, ["<|fim_prefix|>", "<|fim_middle|>"])

    assert found.fim.style == "none"
    assert found.chat_template is None


@pytest.mark.parametrize("mark", sorted(all_marks()))
def test_every_mark_is_found_and_stops(mark: str, tmp_path: Path) -> None:
    """Whatever a marker is called, generating it ends the text."""
    assert special_tokens(tmp_path, [mark]).stop_ids == (100,)


def test_tokenizer_that_does_not_fit(tmp_path: Path) -> None:
    """Missing, of another format, or with ids that the model does not have."""
    with pytest.raises(CheckpointError, match=r"tokenizer\.json: cannot be read"):
        read_special_tokens(tmp_path, 600)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(CheckpointError, match="expected a list `added_tokens`"):
        read_special_tokens(tmp_path, 600)
    (tmp_path / "tokenizer.json").write_text('{"added_tokens": [{"id": 600, "content": "x"}]}')
    with pytest.raises(
        CheckpointError, match=r"added_tokens\.id to be a whole number from 0 to 599"
    ):
        read_special_tokens(tmp_path, 600)
    (tmp_path / "config.json").write_text('{"eos_token_id": 600}')
    (tmp_path / "tokenizer.json").write_text('{"added_tokens": []}')
    with pytest.raises(CheckpointError, match="eos_token_id"):
        read_special_tokens(tmp_path, 600)
