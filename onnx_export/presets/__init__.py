"""Configurations of models by name: folders with a `config.json` and no weights."""

from pathlib import Path
from typing import Final

from onnx_export.hf_config import CONFIG_NAME

PRESETS: Final = Path(__file__).parent


def preset_names() -> tuple[str, ...]:
    """Return the names of all presets."""
    return tuple(sorted(file.parent.name for file in PRESETS.glob(f"*/{CONFIG_NAME}")))


def checkpoint_folder(named: Path) -> Path:
    """Return the folder ``named``, or the preset's if there is none and a preset is called so."""
    return PRESETS / named if not named.exists() and str(named) in preset_names() else named
