"""A fixture that takes the limit of time off the parser."""

import pytest

from lsp_server.syntax import parsing

_LONG_S = 60.0


@pytest.fixture
def patient_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parse whatever time it takes, so that a busy machine changes no verdict."""
    monkeypatch.setattr(parsing, "_TIME_LIMIT_S", _LONG_S)
