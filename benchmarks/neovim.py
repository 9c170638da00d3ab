"""From the last key to visible ghost text, measured inside Neovim.

The clock starts when Neovim reads the key (vim.on_key) and stops at the end of the first redraw
with ghost text in it (a decoration provider). Places are drawn from Python files: the four
characters before each are typed, 120 ms apart: `python -m benchmarks.neovim NVIM INIT FILE...`.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import pynvim

from benchmarks.typing_places import Place, draw_places

ROOT = Path(__file__).parents[1]
KEY_INTERVAL_S = 0.12
PATIENCE_S = 1.5
PROBE = """
local probe = {}
_G.probe = probe
local function ghost()
  for _, name in ipairs({ 'nvim.lsp.inline_completion', 'mixline' }) do
    local ns = vim.api.nvim_get_namespaces()[name]
    local options = { limit = 1, details = true }
    local mark = ns and vim.api.nvim_buf_get_extmarks(0, ns, 0, -1, options)[1]
    local first = mark and mark[4].virt_text and mark[4].virt_text[1]
    if first then return first[1] .. (mark[4].virt_lines and '+' or '') end
  end
  return ''
end
vim.on_key(function(_, typed)
  probe.before, probe.typed, probe.key, probe.seen = ghost(), typed, vim.uv.hrtime(), nil
end)
vim.api.nvim_set_decoration_provider(vim.api.nvim_create_namespace('probe'), { on_end = function()
  local now = ghost()
  if not probe.key or probe.seen or now == '' or now == probe.before then return end
  local agrees = probe.before:sub(1, 1) == probe.typed
  local is_rest = now == probe.before:sub(2)
  if is_rest and not agrees then return end -- out of date
  probe.along, probe.seen = is_rest, vim.uv.hrtime()
end })
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How often the last key found its ghost text on screen, and how long the others took."""

    places: int
    typed_along: int
    new: int
    p50_ms: float  # of the new ones
    p90_ms: float
    p50_all_ms: float


def _open(program: Path, init: str, folder: Path) -> pynvim.Nvim:
    file = folder / "init.lua"
    file.write_text(init, encoding="utf-8")
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        os.environ[f"XDG_{name}_HOME"] = str(folder / name)
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    (folder / "pyproject.toml").touch()
    (folder / "sample.py").touch()
    options = ["--embed", "--headless", "-n", "-u", str(file), "-i", "NONE"]
    nvim = pynvim.attach("child", argv=[str(program), *options, str(folder / "sample.py")])
    nvim.ui_attach(120, 40)
    nvim.exec_lua(PROBE)
    state = "local a = vim.lsp.buf_request_sync(0, 'mixline/status', {}, 2000) or {}\n"
    state += "local _, one = next(a); return one and one.result and one.result.state"
    while nvim.exec_lua(state) != "ready":
        time.sleep(0.1)
    return nvim


def _measure(nvim: pynvim.Nvim, place: Place) -> tuple[bool, float | None]:
    """Return whether the last key was typed along ghost text, and the milliseconds to see some."""
    lines = place.before.split("\n")
    rows = (place.before + place.behind).split("\n")
    nvim.command("stopinsert")
    nvim.current.buffer[:] = rows
    nvim.current.window.cursor = (len(lines), 0)
    nvim.input("A")
    time.sleep(0.5)
    for key in place.typed:
        nvim.input("<lt>" if key == "<" else key)
        time.sleep(KEY_INTERVAL_S)
    deadline = time.monotonic() + PATIENCE_S - KEY_INTERVAL_S
    while True:
        probe = nvim.exec_lua("return { probe.along or false, probe.key, probe.seen or false }")
        if probe[2] or time.monotonic() > deadline:
            break
        time.sleep(0.02)
    nvim.input("<Esc>")
    along, key, seen = probe
    return along, (seen - key) / 1e6 if seen else None


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", type=Path, help="nvim")
    parser.add_argument("init", type=Path, help="its init.lua")
    parser.add_argument("files", type=Path, nargs="+", help="Python files")
    parser.add_argument("--places", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        nvim = _open(arguments.program, arguments.init.read_text("utf-8"), Path(folder))
        places = draw_places(arguments.files, arguments.places, arguments.seed)
        results = [_measure(nvim, place) for place in places]
        nvim.close()
    new_ms = [ms for along, ms in results if ms is not None and not along]
    along_ms = [ms for along, ms in results if ms is not None and along]
    report = Report(
        places=len(results),
        typed_along=len(along_ms),
        new=len(new_ms),
        p50_ms=round(statistics.median(new_ms), 1),
        p90_ms=round(statistics.quantiles(new_ms, n=10, method="inclusive")[-1], 1),
        p50_all_ms=round(statistics.median(new_ms + along_ms), 1),
    )
    print(json.dumps(asdict(report)))


if __name__ == "__main__":
    main()
