"""A history's folder, and a recorder at work."""

from pathlib import Path

import pytest

from lsp_server.history.file import HistoryFile
from tests.lsp_server.history.desk import Desk


@pytest.fixture
def file(tmp_path: Path) -> HistoryFile:
    """A history that was never written."""
    return HistoryFile(tmp_path / "state" / "mixline")


@pytest.fixture
def desk() -> Desk:
    """A recorder that has seen nothing yet."""
    return Desk()
