"""A history's folder."""

from pathlib import Path

import pytest

from lsp_server.history.file import HistoryFile


@pytest.fixture
def file(tmp_path: Path) -> HistoryFile:
    """A history that was never written."""
    return HistoryFile(tmp_path / "state" / "mixline")
