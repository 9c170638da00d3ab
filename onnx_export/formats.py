"""How each family's tokenizer spells fill-in-the-middle and chat; the first that fits counts."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from inference.manifest import FimStyle


@dataclass(frozen=True, slots=True)
class Mark:
    """An added token, as `tokenizer.json` spells it."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FimFormat:
    """Markers of a fill-in-the-middle prompt, each one token."""

    name: str
    style: FimStyle
    prefix: str
    suffix: str
    middle: str
    file_seps: tuple[str, ...] = ()
    """Before a file's path; the first that the tokenizer has."""
    pads: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    """Tokens that are needed as well for the format to be this one."""
    model_types: tuple[str, ...] = ()
    """Only of these; none: of all."""

    def fits(self, added: Collection[str], model_type: str | None) -> bool:
        """Say whether a tokenizer with these added tokens is written for this format."""
        needed = {self.prefix, self.suffix, self.middle, *self.others}
        return needed <= set(added) and (not self.model_types or model_type in self.model_types)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatTemplate:
    """What stands around the one question of a conversation, up to the answer's first word."""

    name: str
    before: tuple[str | Mark, ...]
    after: tuple[str | Mark, ...]
    ends: tuple[str, ...] = ()
    """Further tokens that end an answer."""
    words: tuple[str, ...] = ()
    """What the checkpoint's own template must spell, of a format whose marks are plain text."""

    @property
    def marks(self) -> frozenset[str]:
        """All added tokens of the template."""
        return frozenset(
            piece.text for piece in (*self.before, *self.after) if isinstance(piece, Mark)
        )

    def fits(self, added: Collection[str], template: str | None) -> bool:
        """Say whether a tokenizer has all marks, and its own chat template all words."""
        return self.marks <= set(added) and all(word in (template or "") for word in self.words)


FIM_FORMATS: Final = (
    FimFormat(
        name="mixline",
        style="spm",
        prefix="<|fim_prefix|>",
        suffix="<|fim_suffix|>",
        middle="<|fim_middle|>",
        file_seps=("<|file_sep|>",),
        pads=("<|fim_pad|>", "<|pad|>"),
        others=("<|doc|>",),
    ),
    FimFormat(
        name="qwen",
        style="psm",
        prefix="<|fim_prefix|>",
        suffix="<|fim_suffix|>",
        middle="<|fim_middle|>",
        file_seps=("<|file_sep|>",),
        pads=("<|fim_pad|>", "<|pad|>"),
    ),
    # Trained on suffix, prefix, middle: https://arxiv.org/abs/2510.05788
    FimFormat(
        name="mellum",
        style="suffix_first",
        prefix="<fim_prefix>",
        suffix="<fim_suffix>",
        middle="<fim_middle>",
        file_seps=("<filename>", "<file_sep>"),
        pads=("<fim_pad>",),
        model_types=("mellum",),
    ),
    FimFormat(
        name="starcoder",  # and Granite's code tokenizer
        style="psm",
        prefix="<fim_prefix>",
        suffix="<fim_suffix>",
        middle="<fim_middle>",
        file_seps=("<file_sep>", "<filename>"),
        pads=("<fim_pad>",),
    ),
    FimFormat(
        name="deepseek",
        style="psm",
        prefix="<\uff5cfim\u2581begin\uff5c>",
        suffix="<\uff5cfim\u2581hole\uff5c>",
        middle="<\uff5cfim\u2581end\uff5c>",
    ),
)

_HARMONY_SYSTEM: Final = (
    "Reasoning: low\n\n# Valid channels: final. Channel must be included for every message."
)
CHAT_TEMPLATES: Final = (
    ChatTemplate(
        name="harmony",  # gpt-oss: https://github.com/openai/harmony
        before=(
            Mark("<|start|>"),
            "system",
            Mark("<|message|>"),
            _HARMONY_SYSTEM,
            Mark("<|end|>"),
            Mark("<|start|>"),
            "user",
            Mark("<|message|>"),
        ),
        after=(
            Mark("<|end|>"),
            Mark("<|start|>"),
            "assistant",
            Mark("<|channel|>"),
            "final",
            Mark("<|message|>"),
        ),
        ends=("<|return|>", "<|call|>"),
    ),
    ChatTemplate(
        name="chatml",  # Qwen
        before=(Mark("<|im_start|>"), "user\n"),
        after=(Mark("<|im_end|>"), "\n", Mark("<|im_start|>"), "assistant\n"),
    ),
    ChatTemplate(
        name="granite",
        before=(Mark("<|start_of_role|>"), "user", Mark("<|end_of_role|>")),
        after=(
            Mark("<|end_of_text|>"),
            "\n",
            Mark("<|start_of_role|>"),
            "assistant",
            Mark("<|end_of_role|>"),
        ),
    ),
    ChatTemplate(
        name="deepseek_v2",  # whose tokenizer has the marks of later models, unused
        before=("User: ",),
        after=("\n\nAssistant:",),
        ends=("<\uff5cend\u2581of\u2581sentence\uff5c>",),
        words=("User: ", "Assistant:"),
    ),
    ChatTemplate(
        name="deepseek",
        before=(Mark("<\uff5cUser\uff5c>"),),
        after=(Mark("<\uff5cAssistant\uff5c>"),),
        ends=("<\uff5cend\u2581of\u2581sentence\uff5c>",),
    ),
    ChatTemplate(
        name="mistral",
        before=(Mark("[INST]"), " "),
        after=(Mark("[/INST]"),),
        ends=("</s>",),
    ),
    ChatTemplate(
        name="mixtral",  # the same, of a tokenizer without these tokens
        before=(" [INST]",),
        after=(" [/INST]",),
        ends=("</s>",),
        words=("[INST]", "[/INST]"),
    ),
    ChatTemplate(
        name="tulu",  # OLMoE
        before=(Mark("<|endoftext|>"), "<|user|>\n"),
        after=("\n<|assistant|>\n",),
        words=("<|user|>", "<|assistant|>"),
    ),
)

ENDS: Final = ("<|endoftext|>", "<|im_end|>", "<|repo_name|>", "<repo_name>", "<reponame>")
"""Ends of text, of a turn and beginnings of another repository, whatever the format is."""


def fim_format(added: Collection[str], model_type: str | None) -> FimFormat | None:
    """Return the first format that fits, None for a model that fills no gaps."""
    return next((known for known in FIM_FORMATS if known.fits(added, model_type)), None)


def chat_template(added: Collection[str], template: str | None) -> ChatTemplate | None:
    """Return the first template that fits, None for a model that does not chat."""
    return next((known for known in CHAT_TEMPLATES if known.fits(added, template)), None)


def all_marks() -> frozenset[str]:
    """Return every token that a format knows: none of them belongs into a completion."""
    marks = set(ENDS)
    for known in FIM_FORMATS:
        marks |= {known.prefix, known.suffix, known.middle}
        marks |= {*known.file_seps, *known.pads, *known.others}
    for template in CHAT_TEMPLATES:
        marks |= {*template.marks, *template.ends}
    return frozenset(marks)
