"""Quick fixes in a real VS Code: in its own menu, verified, applied."""

import contextlib
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

FAULTY = 'import os\nimport re\n\nprint(re.compile("x"))\n'
TITLE = "Remove unused import: `os` - verified by ruff"


def test_a_verified_fix_is_in_the_menu_and_is_applied(window: Any) -> None:
    """VS Code's key for its menu at the faulty line; Enter puts the verified text into the file."""
    window.open("faulty.py", FAULTY)
    window.press("Control+Home")
    row = window.page.locator(".action-widget .monaco-list-row", has_text=TITLE)

    def is_offered() -> bool:
        # Opened before the search is over there is no menu, or one that stays as it is.
        window.press("Escape", "Control+.")
        with contextlib.suppress(AssertionError):
            window.wait_for("the fix", row.count, 2)
        return bool(row.count())

    window.wait_for("the fix in the menu", is_offered)
    row.click()
    row.wait_for(state="hidden")
    window.saved()

    assert window.file.read_text("utf-8") == FAULTY.removeprefix("import os\n")
