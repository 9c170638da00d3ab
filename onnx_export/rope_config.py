"""Read a configuration's RoPE: `rope_theta`, `rope_scaling`, `rope_parameters` and their keys."""

import dataclasses
from typing import Final

from onnx_export.hf_config import HfConfig
from onnx_export.rope import Rope, mscale

_KINDS: Final = ("default", "linear", "yarn", "llama3")
_SPELLINGS: Final = ("rope_parameters", "rope_scaling")  # of transformers 5 and 4


def read_rope(
    config: HfConfig, plain: Rope, context: int, scaled: Rope | None = None
) -> tuple[Rope, float]:
    """Return the RoPE that all layers share.

    Args:
        config: of the model.
        plain: transformers' default base and the dimensions that turn.
        context: the model's `max_position_embeddings`.
        scaled: what the family scales by where the configuration says nothing.

    Returns:
        The RoPE, and its `mscale_all_dim`: 0 where there is none.

    Raises:
        UnsupportedError: a kind of RoPE, or a key of one, that is not known.
        CheckpointError: a key is missing, or two spellings differ.
    """
    theta = config.number("rope_theta", plain.theta)
    is_said = config.has("rope_theta")
    found: dict[str, tuple[Rope, float]] = {}
    for key in _SPELLINGS:
        section = config.section(key)
        if section is not None:
            start = dataclasses.replace(plain, theta=theta)
            found[key] = read_section(section, start, context, theta if is_said else None)
    if len(set(found.values())) > 1:
        raise config.error(" and ".join(found), "the same")
    if found:
        return next(iter(found.values()))
    return dataclasses.replace(scaled or plain, theta=theta), 0.0


def read_section(
    section: HfConfig, plain: Rope, context: int, theta: float | None = None
) -> tuple[Rope, float]:
    """Return one RoPE and its `mscale_all_dim`, from the object that describes it.

    Args:
        section: the object.
        plain: base and dimensions if it names none.
        context: the model's `max_position_embeddings`.
        theta: the base that the configuration states elsewhere; it must be the same.

    Raises:
        UnsupportedError: a kind of RoPE, or a key of one, that is not known.
        CheckpointError: a key is missing, or two spellings differ.
    """
    key = "rope_type" if section.has("rope_type") else "type"
    section.require("rope_type", *_KINDS)
    section.require("type", section.text(key, "default"))
    kind = section.text(key, "default")
    if kind not in _KINDS:
        raise section.refused(key, " or ".join(map(repr, _KINDS)))
    section.require("partial_rotary_factor", 1, 1.0)
    rope = dataclasses.replace(plain, theta=section.number("rope_theta", plain.theta))
    if theta is not None and rope.theta != theta:
        raise section.error("rope_theta", f"{theta} as above")
    all_dims = 0.0
    if kind == "linear":
        rope = dataclasses.replace(rope, kind="linear", factor=section.number("factor"))
    elif kind == "yarn":
        rope, all_dims = _yarn(section, rope, context)
    elif kind == "llama3":
        rope = dataclasses.replace(
            rope,
            kind="llama3",
            factor=section.number("factor"),
            original_context=section.integer("original_max_position_embeddings", default=context),
            low=section.number("low_freq_factor"),
            high=section.number("high_freq_factor"),
        )
        if rope.low >= rope.high:
            raise section.error("high_freq_factor", f"above low_freq_factor {rope.low}")
    section.refuse_the_rest()
    return rope, all_dims


def _yarn(section: HfConfig, rope: Rope, context: int) -> tuple[Rope, float]:
    factor = section.number("factor")
    some = section.number("mscale", 0.0, zero=True)
    every = section.number("mscale_all_dim", 0.0, zero=True)
    both = mscale(factor, some) / mscale(factor, every) if some and every else mscale(factor)
    rope = dataclasses.replace(
        rope,
        kind="yarn",
        factor=factor,
        original_context=section.integer("original_max_position_embeddings", default=context),
        low=section.number("beta_slow", 1.0),
        high=section.number("beta_fast", 32.0),
        truncate=section.boolean("truncate", default=True),
        attention_factor=section.number("attention_factor", both),
    )
    if rope.low >= rope.high:
        raise section.error("beta_fast", f"above beta_slow {rope.low}")
    return rope, every
