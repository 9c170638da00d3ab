"""Find the tokenizer's special tokens: fill-in-the-middle markers, task tokens, stops."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from inference.json_fields import JsonFields
from inference.manifest import TOKENIZER_NAME, ChatFormat, FimMarkers, Task, TaskTokens
from onnx_export.checkpoint import read_json
from onnx_export.errors import CheckpointError
from onnx_export.formats import (
    ChatTemplate,
    FimFormat,
    Mark,
    all_marks,
    chat_template,
    fim_format,
)
from onnx_export.hf_config import CONFIG_NAME

_TOKENIZER_CONFIG: Final = "tokenizer_config.json"
_TASKS: Final[Mapping[str, str]] = MappingProxyType(
    {"doc": "<|doc|>", "fix": "<|fix|>", "diag": "<|diag|>"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecialTokens:
    """What the manifest says about the tokenizer."""

    fim: FimMarkers
    task_tokens: TaskTokens
    tasks: tuple[Task, ...]
    stop_ids: tuple[int, ...]
    chat_template: str | None
    chat: ChatFormat | None
    begin_id: int | None


def read_special_tokens(folder: Path, vocab: int, tokenizer: Path | None = None) -> SpecialTokens:
    """Read `tokenizer.json`, `tokenizer_config.json`, `generation_config.json`, `config.json`.

    Args:
        folder: of the checkpoint.
        vocab: of the model.
        tokenizer: another `tokenizer.json` than the folder's.

    Raises:
        CheckpointError: the tokenizer is missing or damaged, or a token lies outside ``vocab``.
    """
    path = tokenizer or folder / TOKENIZER_NAME
    ids = _added_tokens(path, vocab)
    template = _chat_template(folder)
    known = fim_format(ids, _model_type(folder))
    # Nothing that a marker opens belongs into a completion: each of them ends it.
    marks = all_marks() | set(_TASKS.values())
    stops = {token for text, token in ids.items() if text in marks} | _ends(folder, vocab)
    found = {what: ids.get(text) for what, text in _TASKS.items()}
    tasks: list[Task] = ["completion"]
    if found["doc"] is not None:
        tasks.append("docstring")
    if found["fix"] is not None:
        tasks.append("fix")
    return SpecialTokens(
        fim=_markers(known, ids),
        task_tokens=TaskTokens(doc=found["doc"], fix=found["fix"], diag=found["diag"]),
        tasks=tuple(tasks),
        stop_ids=tuple(sorted(stops)),
        chat_template=template,
        chat=_chat(chat_template(ids, template), ids),
        begin_id=_begin(folder, path, ids),
    )


def _markers(known: FimFormat | None, ids: Mapping[str, int]) -> FimMarkers:
    if known is None:
        return FimMarkers(
            style="none", prefix=None, suffix=None, middle=None, file_sep=None, pad=None
        )
    return FimMarkers(
        style=known.style,
        prefix=ids[known.prefix],
        suffix=ids[known.suffix],
        middle=ids[known.middle],
        file_sep=next((ids[text] for text in known.file_seps if text in ids), None),
        pad=next((ids[text] for text in known.pads if text in ids), None),
    )


def _chat(known: ChatTemplate | None, ids: Mapping[str, int]) -> ChatFormat | None:
    if known is None:
        return None

    def pieces(of: tuple[str | Mark, ...]) -> tuple[int | str, ...]:
        return tuple(ids[piece.text] if isinstance(piece, Mark) else piece for piece in of)

    return ChatFormat(before=pieces(known.before), after=pieces(known.after))


def _model_type(folder: Path) -> str | None:
    path = folder / CONFIG_NAME
    return read_json(path).optional_text("model_type", 100) if path.is_file() else None


def _added_tokens(path: Path, vocab: int) -> dict[str, int]:
    fields = read_json(path)
    added = fields.value("added_tokens")
    if not isinstance(added, list) or not all(isinstance(item, dict) for item in added):
        raise CheckpointError(
            f"{path}: expected a list `added_tokens`; is this a tokenizer of another format?"
        )
    tokens = [JsonFields(item, str(path), CheckpointError, "added_tokens.") for item in added]
    return {token.text("content", 1000): token.integer("id", 0, vocab - 1) for token in tokens}


def _ends(folder: Path, vocab: int) -> set[int]:
    """Return the ends of text that the configuration files name."""
    ends: set[int] = set()
    for name in (CONFIG_NAME, "generation_config.json"):
        if not (folder / name).is_file():
            continue
        fields = read_json(folder / name)
        if isinstance(fields.value("eos_token_id"), list):
            ends.update(fields.integers("eos_token_id", 0, vocab - 1))
        else:
            end = fields.optional_integer("eos_token_id", 0, vocab - 1)
            ends.update(() if end is None else (end,))
    return ends


def _begin(folder: Path, tokenizer: Path, ids: Mapping[str, int]) -> int | None:
    """Return the token that the tokenizer puts before a text, None if it puts none there.

    `add_bos_token` says whether; where it is absent, the post-processor of `tokenizer.json` does.
    """
    path = folder / _TOKENIZER_CONFIG
    if path.is_file():
        fields = read_json(path)
        named = fields.value("bos_token")
        if isinstance(named, dict):
            named = named.get("content")
        if fields.value("add_bos_token") is not None:
            adds = fields.boolean("add_bos_token")
            return ids.get(named) if adds and isinstance(named, str) else None
    waiting = [read_json(tokenizer).value("post_processor")]
    while waiting:
        step = waiting.pop()
        if not isinstance(step, dict):
            continue
        match step:
            case {
                "type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": str(name)}}, *_],
            }:
                return ids.get(name)
            case {"processors": list(steps)}:
                waiting += steps
    return None


def _chat_template(folder: Path) -> str | None:
    template = folder / "chat_template.jinja"
    if template.is_file():
        try:
            return template.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CheckpointError(f"{template}: cannot be read ({error})") from error
    config = folder / _TOKENIZER_CONFIG
    if not config.is_file():
        return None
    fields = read_json(config)
    named = fields.value("chat_template")
    return named if isinstance(named, str) else None
