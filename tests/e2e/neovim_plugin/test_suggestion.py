"""suggestion.lua of the plugin, which needs no server: what still applies, how it is split."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[3]
SCRIPT = """
local given = vim.json.decode(io.read("*a"))
local suggestions = require("mixline.suggestion")
local suggestion = { row = 3, head = given.head, tail = given.tail, text = given.text }
local view = suggestions.at(suggestion, given.row, given.column, given.line)
local pieces, below
if view then
  pieces, below = suggestions.pieces(view)
end
io.write(vim.json.encode({
  text = view and view.text,
  to = view and view.to,
  pieces = pieces and vim.tbl_map(function(p) return { p.column, p.text, p.over } end, pieces),
  below = below,
  word = suggestions.word(given.text),
  line = suggestions.line(given.text),
}))
"""


def ask(neovim: Path, folder: Path, **given: Any) -> dict[str, Any]:
    """Look at a suggestion from a cursor."""
    question = {"head": "", "tail": "", "row": 3, "column": 0, "line": "", **given}
    script = folder / "script.lua"
    script.write_text(SCRIPT, encoding="utf-8")
    done = subprocess.run(
        [neovim, "--headless", "--clean", "-l", script],
        input=json.dumps(question),
        env={**os.environ, "LUA_PATH": f"{ROOT}/nvim/lua/?.lua;;"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return dict(json.loads(done.stdout or done.stderr))


@pytest.mark.parametrize(
    ("column", "line", "expected"),
    [
        (2, "f(", "x, y)"),  # nothing has happened
        (3, "f(x", ", y)"),  # typed along
        (3, "f(x)", ", y)"),  # and a bracket was closed
        (3, "f(z", None),  # contradicted
        (3, "f(x]", None),  # something else stands behind
        (1, "f(", None),  # before it
        (7, "f(x, y)", None),  # all of it was typed
        (2, "g(", None),  # another line
    ],
)
def test_what_still_applies(
    neovim: Path, tmp_path: Path, column: int, line: str, expected: str | None
) -> None:
    """The suggestion `x, y)` behind `f(`, from where the cursor is now."""
    seen = ask(neovim, tmp_path, head="f(", text="x, y)", column=column, line=line)

    assert seen.get("text") == expected


@pytest.mark.parametrize(
    ("text", "behind", "pieces", "below"),
    [
        ("x, y)", "", [[2, "x, y)", False]], []),
        ("x, y)", ")", [[2, "x, y", False]], []),
        ("g(x), y)", "))", [[2, "g(x", False], [3, ", y", False]], []),
        ("x)  # end", ")", [[2, "x", False], [3, "  # end", False]], []),
        ("x\n  y\n", "", [[2, "x", False]], ["  y", ""]),
        ("[\n  1\n]", "]", [[2, "[", True]], ["  1", "]"]),
    ],
)
def test_no_character_is_seen_twice(
    neovim: Path, tmp_path: Path, text: str, behind: str, pieces: list[Any], below: list[str]
) -> None:
    """Around what is absorbed in the first line, over what is absorbed in a later one."""
    seen = ask(neovim, tmp_path, head="f(", text=text, column=2, line="f(" + behind)

    assert seen["pieces"] == pieces
    assert seen["below"] == below
    assert seen["to"] == 2 + len(behind)


@pytest.mark.parametrize(
    ("text", "word", "line"),
    [
        ("ueError(x)", "ueError", "ueError(x)"),
        ("(x)", "(", "(x)"),
        (" + größe\n", " +", " + größe"),
        ("größe + 1", "größe", "größe + 1"),
        ("\n    return x\n", "\n    return", "\n    return x"),
    ],
)
def test_the_next_word_and_line(
    neovim: Path, tmp_path: Path, text: str, word: str, line: str
) -> None:
    """Blanks go with what follows them, and a line may begin with the end of the one before."""
    seen = ask(neovim, tmp_path, text=text)

    assert (seen["word"], seen["line"]) == (word, line)
