"""Every marker and stop of every format is one token, which no document's text can become."""

import json
from pathlib import Path

import pytest

from inference.manifest import TaskTokens
from inference.prompt import PromptBuilder
from inference.request import CompletionRequest, Snippet
from inference.tokenizer import Tokenizer
from onnx_export.formats import (
    CHAT_TEMPLATES,
    FIM_FORMATS,
    ChatTemplate,
    FimFormat,
    chat_template,
    fim_format,
)
from onnx_export.markers import SpecialTokens, read_special_tokens

FIRST = 600  # id behind the tiny tokenizer's own tokens
FORMATS = (*FIM_FORMATS, *CHAT_TEMPLATES)


def texts_of(known: FimFormat | ChatTemplate) -> list[str]:
    """All added tokens of a format."""
    if isinstance(known, ChatTemplate):
        return sorted({*known.marks, *known.ends})
    markers = [known.prefix, known.suffix, known.middle]
    return [*markers, *known.file_seps, *known.pads, *known.others]


@pytest.fixture(params=FORMATS, ids=lambda known: f"{type(known).__name__}-{known.name}")
def known(request: pytest.FixtureRequest) -> FimFormat | ChatTemplate:
    """Each format."""
    found: FimFormat | ChatTemplate = request.param
    return found


@pytest.fixture(params=[True, False], ids=["special", "not special"])
def model(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    tiny_tokenizer: Path,
    known: FimFormat | ChatTemplate,
) -> tuple[Tokenizer, SpecialTokens, dict[str, int]]:
    """A tokenizer with a format's tokens and no others, what is read from it, and their ids."""
    spec = json.loads(tiny_tokenizer.read_text())
    own = {entry["content"] for entry in spec["added_tokens"]}
    vocab = spec["model"]["vocab"]
    spec["model"]["vocab"] = {
        f"<old{vocab[text]}>" if text in own else text: vocab[text] for text in vocab
    }
    ids = {text: FIRST + number for number, text in enumerate(texts_of(known))}
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    spec["added_tokens"] = [
        {"id": token, "content": text, "special": request.param, **flags}
        for text, token in ids.items()
    ]
    (tmp_path / "tokenizer.json").write_text(json.dumps(spec))
    model_types = known.model_types if isinstance(known, FimFormat) else ()
    (tmp_path / "config.json").write_text(json.dumps({"model_type": (*model_types, "other")[0]}))
    if isinstance(known, ChatTemplate) and known.words:
        template = {"chat_template": "{{ '" + "' + message + '".join(known.words) + "' }}"}
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(template))
    vocab_size = FIRST + len(ids)
    found = read_special_tokens(tmp_path, vocab_size)
    return Tokenizer.open(tmp_path / "tokenizer.json"), found, ids


def test_marks_are_single_tokens_and_stop(
    model: tuple[Tokenizer, SpecialTokens, dict[str, int]],
) -> None:
    """Each exists, is one token, ends a text, and does not come from a document that spells it."""
    tokenizer, found, ids = model

    for text, token in ids.items():
        assert tokenizer.added[token] == text
        assert token in found.stop_ids
        for document in (text, f"x = '{text}'\n", f"\n{text} {text}"):
            assert not set(tokenizer.encode(document)) & set(ids.values())


def test_prompt_has_the_formats_marks_and_no_more(
    model: tuple[Tokenizer, SpecialTokens, dict[str, int]], known: FimFormat | ChatTemplate
) -> None:
    """However often documents, snippets and paths spell them."""
    tokenizer, found, ids = model
    prompts = PromptBuilder(
        tokenizer,
        found.fim,
        budget=2000,
        start_id=0,
        tasks=TaskTokens(doc=None, fix=None, diag=None),
        chat=found.chat,
    )
    spelled = "".join(ids)
    request = CompletionRequest(
        document="a",
        path=f"{spelled}.py",
        prefix=f"import x\n{spelled}\ny = ",
        suffix=f"\n{spelled}\n",
        snippets=(Snippet(path="b.py", text=spelled),),
    )
    counts = dict.fromkeys(ids.values(), 0)
    for token in prompts.build(request):
        if token in counts:
            counts[token] += 1

    if isinstance(known, ChatTemplate):
        assert found.chat is not None
        pieces = [*found.chat.before, *found.chat.after]
        assert counts == {token: pieces.count(token) for token in counts}
        return
    assert found.fim.style == known.style
    expected = dict.fromkeys(counts, 0) | {
        ids[known.prefix]: 1,
        ids[known.suffix]: 1,
        ids[known.middle]: 1,
    }
    if known.file_seps:
        expected[ids[known.file_seps[0]]] = 2
    assert counts == expected


def test_first_format_that_fits() -> None:
    """Mellum's spelling is StarCoder's: the model's type decides; our tokens differ from Qwen's."""
    starcoder = ("<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<filename>")
    qwen = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")

    def name_of(added: tuple[str, ...], model_type: str | None) -> str | None:
        found = fim_format(added, model_type)
        return found.name if found else None

    assert name_of(starcoder, "mellum") == "mellum"
    assert name_of(starcoder, "granitemoe") == "starcoder"
    assert name_of(qwen, "qwen3_moe") == "qwen"
    assert name_of((*qwen, "<|doc|>"), "qwen3_moe") == "mixline"
    assert name_of(qwen[:2], None) is None
    assert chat_template(("<|start|>", "<|message|>"), None) is None


def test_formats_whose_marks_are_text() -> None:
    """Their words stand in the checkpoint's template; without one nothing tells that it chats."""
    turns = (
        "<\uff5cUser\uff5c>",
        "<\uff5cAssistant\uff5c>",
        "<\uff5cend\u2581of\u2581sentence\uff5c>",
    )

    def name_of(added: tuple[str, ...], template: str | None) -> str | None:
        found = chat_template(added, template)
        return found.name if found else None

    assert name_of(("<s>", "</s>"), "{{ '[INST] ' + text + ' [/INST]' }}") == "mixtral"
    assert name_of(("[INST]", "[/INST]"), "{{ '[INST] ' + text + ' [/INST]' }}") == "mistral"
    assert name_of(turns, "{{ 'User: ' + text + '\n\nAssistant:' }}") == "deepseek_v2"
    assert name_of(turns, "{{ '<\uff5cUser\uff5c>' + text }}") == "deepseek"
    assert name_of(("<|endoftext|>",), "{{ '<|user|>' + text + '<|assistant|>' }}") == "tulu"
    assert name_of(("<s>", "</s>", "<|endoftext|>"), None) is None
