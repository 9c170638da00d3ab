"""The plugin of nvim/, in Neovim 0.12, which shows ghost text by itself, and in 0.10."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
CACHE = Path(os.environ.get("MIXLINE_E2E_CACHE", ROOT / ".e2e"))


@pytest.fixture(params=["neovim", "neovim-trixie"], ids=["0.12", "0.10"])
def neovim(request: pytest.FixtureRequest) -> Path:
    """Return each of the programs that install_neovim.sh unpacked."""
    program = CACHE / request.param / "nvim"
    assert program.is_file(), f"{program} is missing; run: make e2e"
    return program


@pytest.fixture
def options() -> dict[str, Any]:
    """Return what `setup` is called with."""
    return {}


@pytest.fixture
def before_setup() -> str:
    """Return Lua that stands before it."""
    return ""


@pytest.fixture
def init_file(
    tmp_path_factory: pytest.TempPathFactory, options: dict[str, Any], before_setup: str
) -> Path:
    """Return an init.lua that sets the plugin up, in a home of its own."""
    init = tmp_path_factory.mktemp("home") / "init.lua"
    init.write_text(
        f"vim.opt.runtimepath:prepend({json.dumps(str(ROOT / 'nvim'))})\n"
        "_G.seen = {}\n"
        "vim.api.nvim_create_autocmd('User', { pattern = 'MixlineStatus', callback = function()\n"
        "  table.insert(_G.seen, require('mixline').statusline())\n"
        "end })\n"
        f"{before_setup}\n"
        f"require('mixline').setup(vim.json.decode([==[{json.dumps(options)}]==]))\n",
        encoding="utf-8",
    )
    return init
