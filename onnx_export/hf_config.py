"""Read `config.json`: defaults of transformers, old and new spellings, refusal of what is unknown.

A family's reader takes the keys that it knows; what is left over must be in `WITHOUT_EFFECT`, or
the export stops: a key that nobody understood might change what the model computes.
"""

from pathlib import Path
from typing import Final

from inference.errors import MixlineError
from inference.json_fields import JsonFields
from onnx_export.checkpoint import read_json
from onnx_export.errors import UnsupportedError

CONFIG_NAME: Final = "config.json"

# Keys of training, generation, bookkeeping and other programs: no influence on the logits.
WITHOUT_EFFECT: Final = frozenset(
    {
        "_attn_implementation",
        "_commit_hash",
        "_experts_implementation",
        "_name_or_path",
        "add_cross_attention",
        "architectures",
        "attention_dropout",
        "attn_implementation",
        "auto_map",
        "bos_token_id",
        "chunk_size_feed_forward",
        "decoder_start_token_id",
        "dtype",
        "eos_token_id",
        "experts_implementation",
        "finetuning_task",
        "id2label",
        "initializer_range",
        "is_decoder",
        "is_encoder_decoder",
        "label2id",
        "mixline",
        "output_attentions",
        "output_hidden_states",
        "output_router_logits",
        "pad_token_id",
        "prefix",
        "pretraining_tp",
        "problem_type",
        "return_dict",
        "router_aux_loss_coef",
        "sep_token_id",
        "task_specific_params",
        "tokenizer_class",
        "torch_dtype",
        "transformers_version",
        "use_cache",
    }
)
_COUNT: Final = 2**31


class HfConfig:
    """The keys of one `config.json`, crossed off as they are read."""

    def __init__(self, fields: JsonFields, source: str, model_type: str) -> None:
        self._fields = fields
        self._source = source
        self._left = set(fields.names()) - WITHOUT_EFFECT - {"model_type"}
        self.model_type: Final = model_type

    @classmethod
    def open(cls, folder: Path) -> "HfConfig":
        """Read the configuration of the checkpoint in ``folder``.

        Raises:
            CheckpointError: missing, damaged, or without `model_type`.
        """
        path = folder / CONFIG_NAME
        fields = read_json(path)
        return cls(fields, str(path), fields.text("model_type", 100))

    def integer(self, *keys: str, default: int | None = None, low: int = 1) -> int:
        """Return a count under any of its spellings; ``default`` None: it must be there.

        Raises:
            CheckpointError: missing, of the wrong type, or two spellings that differ.
        """
        self._left -= set(keys)
        found = {key: self._fields.optional_integer(key, low, _COUNT) for key in keys}
        values = {value for value in found.values() if value is not None}
        if len(values) > 1:
            raise self._fields.error(" and ".join(keys), "one number", str(found))
        if values:
            return values.pop()
        if default is None:
            raise self._fields.error(keys[0], "a whole number", None)
        return default

    def integer_or_null(self, key: str, default: int) -> int | None:
        """Return a count, ``default`` if the key is absent, and None where it is null.

        Raises:
            CheckpointError: of the wrong type.
        """
        if key in self._fields.names() and not self.has(key):
            self._left.discard(key)
            return None
        return self.integer(key, default=default)

    def number(self, key: str, default: float | None = None, *, zero: bool = False) -> float:
        """Return a number above 0, or 0 if it may be; ``default`` None: it must be there."""
        self._left.discard(key)
        if self._fields.value(key) is None and default is not None:
            return default
        value = self._fields.number(key)
        if not (value > 0 or (zero and value == 0)):
            raise self._fields.error(key, "a number above 0", value)
        return value

    def boolean(self, key: str, *, default: bool) -> bool:
        """Return true or false; an absent key and null are transformers' default."""
        self._left.discard(key)
        return default if self._fields.value(key) is None else self._fields.boolean(key)

    def ignore(self, key: str) -> None:
        """Cross off a key that has no effect in this family."""
        self._left.discard(key)

    def require(self, key: str, *allowed: object) -> None:
        """Refuse every value but ``allowed``; an absent key and null are allowed as well.

        Raises:
            UnsupportedError: another value, which would change the result.
        """
        self._left.discard(key)
        value = self._fields.value(key)
        if value is not None and value not in allowed:
            raise self.refused(key, " or ".join(map(repr, allowed)) or "null")

    def text(self, key: str, default: str) -> str:
        """Return a text."""
        self._left.discard(key)
        return self._fields.optional_text(key, 100) or default

    def texts(self, key: str) -> list[str] | None:
        """Return a list of texts, None if it is absent or null."""
        self._left.discard(key)
        if self._fields.value(key) is None:
            return None
        found = self._fields.value(key)
        if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
            raise self._fields.error(key, "a list of texts", found)
        return found

    def integers(self, key: str) -> list[int]:
        """Return a list of counts, empty if it is absent or null."""
        self._left.discard(key)
        return [] if self._fields.value(key) is None else self._fields.integers(key, 0, _COUNT)

    def has(self, key: str) -> bool:
        """Say whether a key is there and not null."""
        return self._fields.value(key) is not None

    def section(self, key: str) -> "HfConfig | None":
        """Return a nested object, None if it is absent or null.

        What is left over of it, its own `refuse_the_rest` refuses.
        """
        self._left.discard(key)
        if self._fields.value(key) is None:
            return None
        return HfConfig(self._fields.nested(key), self._source, self.model_type)

    def error(self, key: str, expected: str) -> MixlineError:
        """Return the error for a value that contradicts another one."""
        return self._fields.error(key, expected, self._fields.value(key))

    def refused(self, key: str, expected: str) -> UnsupportedError:
        """Return the error for a value that the family's reader does not know."""
        return UnsupportedError(
            f"{self._source}: expected {key} to be {expected}, found"
            f" {str(self._fields.value(key))[:80]!r}, which the exporter does not know for"
            f" {self.model_type!r} models"
        )

    def refuse_the_rest(self) -> None:
        """Stop if a key is left over that nobody has read.

        Raises:
            UnsupportedError: names the keys.
        """
        unknown = sorted(key for key in self._left if self._fields.value(key) is not None)
        if unknown:
            raise UnsupportedError(
                f"{self._source}: expected keys that the exporter knows for"
                f" {self.model_type!r}, found {', '.join(unknown)}; remove a key from the file if"
                " it does not change what the model computes"
            )
