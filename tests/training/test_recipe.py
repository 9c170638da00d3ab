"""Recipes: the shipped ones, and what is said about broken ones."""

from pathlib import Path

import pytest

pytest.importorskip("torch")

from training.errors import RecipeError
from training.recipe import RECIPES, load_recipe


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_recipes_are_sound(path: Path) -> None:
    """Every recipe of the folder loads, and its mixes are shares."""
    recipe = load_recipe(path.stem)

    for mix in (recipe.mix, recipe.mix_decay):
        assert 0 < mix.docstring + mix.fix < 1
        assert 0 < mix.fim <= 1


def test_sizes_are_as_documented() -> None:
    """The figures that the model cards and documents state."""
    cpu, gpu = load_recipe("cpu").model, load_recipe("gpu").model

    assert (cpu.total_parameters, cpu.active_parameters) == (17_461_248, 5_074_944)
    assert gpu.total_parameters == pytest.approx(89e6, rel=0.01)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 1", "", "missing: seed"),
        ("seed = 1", "seed = 1\nspeed = 2", "unknown: speed"),
        ("hidden = 64", "", r"\[model\]"),
        ("kv_heads = 1", "kv_heads = 3", "multiple of kv_heads"),
        ("context = 256", "context = 64", "contexts in"),
        ("batch_tokens = 2048", "batch_tokens = 3000", "multiple of micro_tokens"),
        ("experts_per_token = 2", "experts_per_token = 9", "experts_per_token of 1"),
        ('precision = "fp32"', 'precision = "int8"', "precision auto"),
        ("balance = 0.03", "", "balance"),
        ("seed = 1", "seed =", "expected a recipe"),
    ],
)
def test_broken_recipes_are_explained(tmp_path: Path, old: str, new: str, message: str) -> None:
    """The sentence names the file and what was expected."""
    path = tmp_path / "mine.toml"
    text = (RECIPES / "tiny.toml").read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))

    with pytest.raises(RecipeError, match=message):
        load_recipe(str(path))


def test_unknown_name_lists_the_known() -> None:
    """A typo is answered with the choice."""
    with pytest.raises(RecipeError, match="cpu, gpu, gpu-small, tiny"):
        load_recipe("cpuu")
