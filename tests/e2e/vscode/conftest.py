"""Fixtures: a real VS Code in a browser, with the packed extension and the shipped model."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.vscode.code_server import PATH_WITH_MIXLINE, CodeServer, start_code_server
from tests.e2e.vscode.window import Window, chromium


@pytest.fixture(scope="session")
def new_code_server(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., CodeServer]]:
    """Return a function that starts VS Code's server: see `start_code_server`."""
    started = []

    def start(
        path: str,
        *options: str,
        settings: Mapping[str, object] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> CodeServer:
        folder = tmp_path_factory.mktemp("vscode")
        server = start_code_server(folder, path, options, settings, environment)
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="session")
def code_server(new_code_server: Callable[..., CodeServer]) -> CodeServer:
    """Start it with `mixline` on PATH."""
    return new_code_server(PATH_WITH_MIXLINE, "--disable-workspace-trust")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Start Chromium."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def new_window(
    browser: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Window]]:
    """Return a function that opens a window on a new workspace, whatever it shows then."""
    opened = []

    def open_one(server: CodeServer, workspace: Path | None = None) -> Window:
        window = Window.open_on(browser, server, workspace or tmp_path_factory.mktemp("workspace"))
        opened.append(window)
        return window

    yield open_one
    for window in opened:
        window.close()


@pytest.fixture(scope="module")
def open_window(code_server: CodeServer, new_window: Callable[..., Window]) -> Callable[[], Window]:
    """Return a function that opens a window on a new workspace and waits until it is ready."""

    def open_one() -> Window:
        window = new_window(code_server)
        window.wait_until_ready()
        return window

    return open_one


@pytest.fixture(scope="module")
def shared_window(open_window: Callable[[], Window]) -> Window:
    """Open one window for the tests of a file: it takes seconds."""
    return open_window()


@pytest.fixture
def window(shared_window: Window, request: pytest.FixtureRequest) -> Iterator[Window]:
    """Return the shared window with no editor open; keep its picture and log if the test fails."""
    yield shared_window
    if getattr(request.node, "failed", False):
        shared_window.keep_evidence(request.node.name)
    shared_window.press("Escape", "Escape")
    shared_window.close_editor()
