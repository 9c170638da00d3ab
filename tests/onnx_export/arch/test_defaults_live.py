"""Every family reads absent keys and renamed keys as transformers' configuration class does."""

import json
from pathlib import Path
from typing import Any

import pytest

from onnx_export.arch import FAMILIES, read_spec
from onnx_export.arch.spec import DecoderSpec
from onnx_export.hf_config import HfConfig

transformers = pytest.importorskip("transformers")


# Keys without which transformers' own class computes nothing.
NEEDED: dict[str, dict[str, int]] = {"deepseek_v2": {"num_experts_per_tok": 6}}


def spec_of(folder: Path, config: dict[str, Any]) -> DecoderSpec:
    """Write a config.json and read it."""
    needed = NEEDED.get(config["model_type"], {})
    (folder / "config.json").write_text(json.dumps(needed | config))
    return read_spec(HfConfig.open(folder))


def config_class(family: str) -> Any:
    """Return transformers' class."""
    return transformers.models.auto.configuration_auto.CONFIG_MAPPING[family]


@pytest.mark.parametrize("family", FAMILIES)
def test_absent_keys_are_transformers_defaults(family: str, tmp_path: Path) -> None:
    """A file with all keys, as the class writes them, and one with none say the same."""
    written = config_class(family)(**NEEDED.get(family, {})).to_dict()
    assert written.pop("model_type") == family

    assert len(written) > 30
    assert spec_of(tmp_path, {"model_type": family, **written}) == spec_of(
        tmp_path, {"model_type": family}
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_every_spelling_that_transformers_takes_is_read(family: str, tmp_path: Path) -> None:
    """A key under its other name has the same effect, and is not refused."""
    configuration = config_class(family)
    default = configuration()
    for alias, name in configuration.attribute_map.items():
        value = getattr(default, name)
        if type(value) is not int:
            continue
        changed = [{"model_type": family, key: 2 * value} for key in (alias, name)]

        assert spec_of(tmp_path, changed[0]) == spec_of(tmp_path, changed[1])
        assert spec_of(tmp_path, changed[0]) != spec_of(tmp_path, {"model_type": family})
