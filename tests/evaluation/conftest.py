"""A cache of its own for every test, small repositories, and engines that say what a test wants."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from inference import CompletionRequest


@pytest.fixture(autouse=True)
def cache_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep results of tests out of the user's cache."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


@pytest.fixture
def make_repositories(tmp_path: Path) -> Callable[[dict[str, str]], Path]:
    """Write files and return the folder that holds the repositories."""

    def make(files: dict[str, str]) -> Path:
        folder = tmp_path / "repositories"
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        return folder

    return make


class ScriptedEngine:
    """Answers every request by a function; remembers what it was asked."""

    def __init__(self, answer: Callable[[CompletionRequest], str]) -> None:
        self.asked: list[CompletionRequest] = []
        self._answer = answer

    def submit(self, request: CompletionRequest) -> Any:
        """Return a generation that has ended."""
        self.asked.append(request)
        completion = SimpleNamespace(text=self._answer(request))
        return SimpleNamespace(future=SimpleNamespace(result=lambda: completion))


@pytest.fixture
def scripted_engine() -> Callable[[Callable[[CompletionRequest], str]], ScriptedEngine]:
    """Return the maker of such engines."""
    return ScriptedEngine
