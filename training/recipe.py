"""Reads a recipe: everything that defines a training run but its data and its budget."""

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from training.data import MixConfig
from training.errors import RecipeError
from training.model import ModelConfig
from training.optim import OptimConfig
from training.precision import Precision
from training.schedule import ScheduleConfig

_Section = TypeVar("_Section")
RECIPES = Path(__file__).parent / "recipes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One training run's settings."""

    seed: int
    threads: int
    """CPU threads of torch; 0 leaves torch's own choice."""
    batch_tokens: int
    """Tokens of one step of the optimiser."""
    micro_tokens: int
    """Tokens of one forward pass; bounds the memory."""
    checkpoint_minutes: float
    evaluate_minutes: float
    model: ModelConfig
    optim: OptimConfig
    precision: Precision
    """"auto" multiplies in bfloat16 where the hardware has instructions for it."""
    balance: float
    """Weight of the experts' balance loss."""
    schedule: ScheduleConfig
    mix: MixConfig
    mix_decay: MixConfig


def load_recipe(name: str) -> Recipe:
    """Reads a recipe by its name in training/recipes, or by the path of a TOML file.

    Raises:
        RecipeError: the file is missing, is no TOML, or its keys are not the expected ones.
    """
    path = Path(name) if name.endswith(".toml") else RECIPES / f"{name}.toml"
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        known = ", ".join(sorted(entry.stem for entry in RECIPES.glob("*.toml")))
        raise RecipeError(
            f"expected a recipe ({known}) or the path of a TOML file, found {name}: {error}"
        ) from error
    optim = dict(data.pop("optim", {}))
    data["balance"] = optim.pop("balance", None)
    recipe = _section(
        Recipe,
        data
        | {
            "model": _section(ModelConfig, data.get("model", {}), path, "[model]"),
            "optim": _section(OptimConfig, optim, path, "[optim]"),
            "schedule": _section(ScheduleConfig, data.get("schedule", {}), path, "[schedule]"),
            "mix": _section(MixConfig, data.get("mix", {}), path, "[mix]"),
            "mix_decay": _section(MixConfig, data.get("mix_decay", {}), path, "[mix_decay]"),
        },
        path,
        "the top level",
    )
    _check(recipe, path)
    return recipe


def _section(kind: type[_Section], values: dict[str, Any], path: Path, where: str) -> _Section:
    expected = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    if set(values) != expected:
        raise RecipeError(
            f"{path}: expected at {where} the keys {', '.join(sorted(expected))}; "
            f"missing: {', '.join(sorted(expected - set(values))) or 'none'}; "
            f"unknown: {', '.join(sorted(set(values) - expected)) or 'none'}"
        )
    return kind(**values)


def _check(recipe: Recipe, path: Path) -> None:
    longest = max(recipe.schedule.context_stable, recipe.schedule.context_decay)
    model = recipe.model
    rules = (
        (recipe.balance is not None, "balance in [optim]"),
        (longest <= model.context, "contexts in [schedule] no longer than the model's"),
        (recipe.micro_tokens >= longest, "micro_tokens of at least one row"),
        (recipe.batch_tokens % recipe.micro_tokens == 0, "batch_tokens a multiple of micro_tokens"),
        (model.heads % model.kv_heads == 0, "heads a multiple of kv_heads"),
        (1 <= model.experts_per_token <= model.experts, "experts_per_token of 1 to experts"),
        (recipe.precision in {"auto", "fp32", "bf16"}, "precision auto, fp32 or bf16"),
        (model.head_dim % 2 == 0, "an even head_dim"),
    )
    for holds, expected in rules:
        if not holds:
            raise RecipeError(f"{path}: expected {expected}; change the recipe")
