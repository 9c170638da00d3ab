"""One file per model family, named as transformers' `model_type`; `FAMILIES` lists them."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from onnx_export.arch import (
    deepseek_v2,
    gpt_oss,
    granitemoe,
    mellum,
    mixtral,
    olmoe,
    qwen2_moe,
    qwen3_moe,
)
from onnx_export.arch.spec import DecoderSpec
from onnx_export.errors import UnsupportedError
from onnx_export.hf_config import HfConfig

FAMILIES: Final[Mapping[str, Callable[[HfConfig], DecoderSpec]]] = MappingProxyType(
    {
        deepseek_v2.MODEL_TYPE: deepseek_v2.read_spec,
        gpt_oss.MODEL_TYPE: gpt_oss.read_spec,
        granitemoe.MODEL_TYPE: granitemoe.read_spec,
        mellum.MODEL_TYPE: mellum.read_spec,
        mixtral.MODEL_TYPE: mixtral.read_spec,
        olmoe.MODEL_TYPE: olmoe.read_spec,
        qwen2_moe.MODEL_TYPE: qwen2_moe.read_spec,
        qwen3_moe.MODEL_TYPE: qwen3_moe.read_spec,
    }
)


def read_spec(config: HfConfig) -> DecoderSpec:
    """Translate a configuration by the reader of its family.

    Raises:
        UnsupportedError: a family, or a variant of it, that the exporter does not know.
        CheckpointError: a key is missing, of the wrong type, or contradicts another one.
    """
    reader = FAMILIES.get(config.model_type)
    if reader is None:
        raise UnsupportedError(
            f"expected model_type to be one of {', '.join(sorted(FAMILIES))}, found"
            f" {config.model_type!r}; this family cannot be exported yet"
        )
    spec = reader(config)
    if not spec.mixtures:
        raise UnsupportedError(
            f"expected a {config.model_type!r} model with a mixture of experts, found none in its"
            f" {len(spec.layers)} layers"
        )
    return spec
