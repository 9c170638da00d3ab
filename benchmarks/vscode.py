"""From the last key to visible ghost text, and activation, measured inside VS Code's window.

The clock starts at the page's keydown event and stops when the frame with ghost text for that key
has been painted. Places are drawn from Python files: the four characters before each are typed,
120 ms apart. Needs what `make e2e` installs: `python -m benchmarks.vscode FILE...`.
"""

import argparse
import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.typing_places import Place, draw_places
from tests.e2e.vscode.code_server import PATH_WITH_MIXLINE, CodeServer, start_code_server
from tests.e2e.vscode.window import GHOST, Window, chromium

KEY_INTERVAL_MS = 120
REST_MS = 500
PATIENCE_S = 1.5
PROBE = """(parts) => {
  const probe = (window.mixlineProbe = { key: 0, seen: 0, along: false });
  const ghost = () =>
    [...document.querySelectorAll(parts)].map((part) => part.textContent).join("");
  let before = "", typed = "";
  document.addEventListener("keydown", (event) => {
    if (event.key.length !== 1) return;
    before = ghost();
    typed = event.key;
    Object.assign(probe, { key: performance.now(), seen: 0, along: false });
  }, true);
  const channel = new MessageChannel();
  channel.port1.onmessage = ({ data }) => {
    if (data === probe.key && !probe.seen) probe.seen = performance.now();
  };
  new MutationObserver(() => {
    const now = ghost();
    if (!probe.key || probe.seen || !now.trim() || now === before) return;
    const isRest = now === before.slice(1);
    if (isRest && before[0].replace("\\u00a0", " ") !== typed) return; // out of date
    probe.along = isRest;
    const { key } = probe;
    // A frame's callbacks run before it is painted, messages afterwards.
    requestAnimationFrame(() => channel.port2.postMessage(key));
  }).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How long VS Code took to activate the extension, and to show ghost text for the last key."""

    activation_ms: tuple[int, ...]  # one per window: loading the code and calling activate()
    places: int
    typed_along: int
    new: int
    p50_ms: float  # of the new ones
    p90_ms: float
    p50_all_ms: float
    server_p50_ms: float  # of every answer in the run, by the server's own history


def _activation_ms(window: Window) -> int:
    """Return what VS Code's own page of running extensions says."""
    window.page.set_viewport_size({"width": 1000, "height": 1600})  # the list draws what fits
    window.run("Developer: Show Running Extensions")
    row = window.page.locator(".runtime-extensions-editor .extension", has_text="Mixline").first
    said = row.locator(".activation-time").inner_text()
    found = re.search(r"(\d+)\s*ms", said)
    if found is None:
        raise RuntimeError(f"expected VS Code to tell an activation time in ms, got {said!r}")
    return int(found[1])


def _measure(window: Window, number: int, place: Place) -> tuple[bool, float | None]:
    """Return whether the last key was typed along ghost text, and the milliseconds to see some."""
    name = f"place{number}.py"
    window.file = window.workspace / name
    window.file.write_text(place.before + place.behind, encoding="utf-8")
    lines = place.before.split("\n")
    window.press("Control+p")
    window.page.keyboard.insert_text(f"{window.file}:{len(lines)}:{len(lines[-1]) + 1}")
    window.page.locator(".quick-input-list .monaco-list-row", has_text=name).first.wait_for()
    window.press("Enter")
    window.page.get_by_text(f"Ln {len(lines)}, ").wait_for()
    window.page.wait_for_timeout(REST_MS)
    for key in place.typed:
        window.page.keyboard.type(key)
        window.page.wait_for_timeout(KEY_INTERVAL_MS)
    deadline = time.monotonic() + PATIENCE_S - KEY_INTERVAL_MS / 1e3
    while True:
        probe = window.page.evaluate("window.mixlineProbe")
        if probe["seen"] or time.monotonic() > deadline:
            break
        window.page.wait_for_timeout(20)
    window.press("Escape", "Escape")
    window.close_editor()
    window.file.unlink()
    return probe["along"], probe["seen"] - probe["key"] if probe["seen"] else None


def _server_p50_ms(server: CodeServer) -> float:
    """Return the median time of the server's answers, which its history holds."""
    told = subprocess.run(
        [sys.executable, "-P", "-m", "mixline", "stats", "--json"],
        env={**os.environ, "XDG_STATE_HOME": str(server.folder / "state")},
        check=True,
        capture_output=True,
    )
    p50_ms: float = json.loads(told.stdout)["total"]["latency_ms"]["p50"]
    return p50_ms


def measure(folder: Path, places: Sequence[Place], windows: int) -> Report:
    """Open windows one after another, and one more to type in."""
    server = start_code_server(folder / "vscode", PATH_WITH_MIXLINE)
    workspace = folder / "workspace"
    workspace.mkdir()
    activation_ms = []
    with contextlib.ExitStack() as stack:
        stack.callback(server.stop)
        browser = stack.enter_context(chromium())
        for _ in range(windows):
            window = Window.open_on(browser, server, workspace)
            window.wait_until_ready()
            activation_ms.append(_activation_ms(window))
            window.close()
        window = Window.open_on(browser, server, workspace)
        window.wait_until_ready()
        window.configure({"mixline.minimumConfidence": 0})
        window.page.evaluate(PROBE, GHOST)
        results = [_measure(window, *numbered) for numbered in enumerate(places)]
        window.close()
        server_p50_ms = _server_p50_ms(server)
    new_ms = [ms for along, ms in results if ms is not None and not along]
    along_ms = [ms for along, ms in results if ms is not None and along]
    return Report(
        activation_ms=tuple(activation_ms),
        places=len(results),
        typed_along=len(along_ms),
        new=len(new_ms),
        p50_ms=round(statistics.median(new_ms), 1),
        p90_ms=round(statistics.quantiles(new_ms, n=10, method="inclusive")[-1], 1),
        p50_all_ms=round(statistics.median(new_ms + along_ms), 1),
        server_p50_ms=round(server_p50_ms, 1),
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+", help="Python files")
    parser.add_argument("--places", type=int, default=20)
    parser.add_argument("--windows", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        places = draw_places(arguments.files, arguments.places, arguments.seed)
        print(json.dumps(asdict(measure(Path(folder), places, arguments.windows))))


if __name__ == "__main__":
    main()
