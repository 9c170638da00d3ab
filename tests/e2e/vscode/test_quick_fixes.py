"""Quick fixes in a real VS Code: in its own menu, verified, applied."""

from typing import Any

import pytest

pytestmark = pytest.mark.e2e

FAULTY = 'import os\nimport re\n\nprint(re.compile("x"))\n'
MENDED = FAULTY.removeprefix("import os\n")
TITLE = "Remove unused import: `os` - verified by ruff"


def test_a_verified_fix_is_in_the_menu_and_is_applied(window: Any) -> None:
    """VS Code's key for its menu at the faulty line; Enter puts the verified text into the file."""
    window.open("faulty.py", FAULTY)
    window.press("Control+Home")
    window.choose(TITLE)

    window.wait_for_saved(lambda text: text == MENDED)
