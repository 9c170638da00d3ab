"""A stack trace in a real VS Code: explained, and the checked fix made in the failing file."""

from typing import Any

import pytest

pytestmark = pytest.mark.e2e

FAULTY = "def price(total):\n    return totl * 2\n"
TRACE = """Traceback (most recent call last):
  File "{file}", line 2, in price
    return totl * 2
NameError: name 'totl' is not defined
"""


def test_a_selected_trace_is_explained_and_its_line_fixed(window: Any) -> None:
    """The notification says what failed; its button puts the verified text into the editor."""
    file = window.workspace / "price.py"
    file.write_text(FAULTY, "utf-8")
    window.open("trace.txt", TRACE.replace("{file}", str(file)))
    window.press("Control+a")
    window.run("Mixline: Explain a Stack Trace")
    told = window.page.locator(
        ".notification-list-item", has_text="NameError: name 'totl' is not defined, at line 2"
    )
    told.wait_for()
    told.get_by_role("button", name="Rename to `total` - verified by ruff").click()
    window.page.locator('.editor-instance .monaco-editor[data-uri$="/price.py"]').wait_for()
    window.file = file

    window.wait_for_saved(lambda text: text == FAULTY.replace("totl", "total"))
