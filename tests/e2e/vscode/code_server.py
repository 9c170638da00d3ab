"""VS Code's server, started with the packed extension and folders of its own."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
CACHE = Path(os.environ.get("MIXLINE_E2E_CACHE", ROOT / ".e2e"))
EXTENSION = ROOT / "dist" / "mixline.vsix"
PATH_WITH_MIXLINE = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
USER_SETTINGS = {
    "files.hotExit": "off",
    "files.autoSave": "off",
    "workbench.startupEditor": "none",
    "workbench.colorTheme": "Default Dark Modern",
    "editor.minimap.enabled": False,
    "telemetry.telemetryLevel": "off",
    "chat.commandCenter.enabled": False,
    # While its list is open Tab takes the list's entry; the tests of the list use plain text.
    "[python]": {"editor.wordBasedSuggestions": "off"},
    "chat.disableAIFeatures": True,
    "workbench.secondarySideBar.defaultVisibility": "hidden",
}


def _stat(pid: int) -> list[str]:
    """Return what /proc tells of a process behind its name: state, parent, ..."""
    return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()


def parent_of(pid: int) -> int:
    """Return the process that started another."""
    return int(_stat(pid)[1])


def is_running(pid: int) -> bool:
    """Tell whether a process has not ended yet, though nobody may have asked how it did."""
    try:
        return _stat(pid)[0] not in {"X", "Z"}
    except OSError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeServer:
    """The program behind the browser's windows."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path  # of its data

    def log(self) -> str:
        """Return what the extension has logged, in all windows."""
        files = sorted(self.folder.glob("data/logs/**/mixline.mixline/*.log"))
        return "\n".join(file.read_text("utf-8", errors="replace") for file in files)

    def language_servers(self) -> list[int]:
        """Return the processes of our language server that descend from this program."""
        parents: dict[int, int] = {}
        commands: dict[int, bytes] = {}
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                commands[int(entry.name)] = (entry / "cmdline").read_bytes()
                parents[int(entry.name)] = parent_of(int(entry.name))

        def is_ours(pid: int) -> bool:
            while pid in parents:
                pid = parents[pid]
                if pid == self.process.pid:
                    return True
            return False

        ours = {pid for pid, line in commands.items() if b"\0serve\0" in line and is_ours(pid)}
        # A child has its parent's command line until it runs a program of its own.
        return [pid for pid in ours if parents[pid] not in ours]

    def stop(self) -> None:
        """Kill it and what it has started."""
        with contextlib.suppress(ProcessLookupError):  # a test has killed it
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def start_code_server(
    folder: Path,
    path: str,
    options: tuple[str, ...] = ("--disable-workspace-trust",),
    machine_settings: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
) -> CodeServer:
    """Start it with the extension and nothing else of ours, and wait until it answers.

    Args:
        folder: where it keeps everything.
        path: what programs are searched in.
        options: of code-server.
        machine_settings: those that a workspace may not set, which name programs.
        environment: more variables.
    """
    program = CACHE / "vscode" / "code-server"
    for needed in (program, EXTENSION):
        assert needed.is_file(), f"{needed} is missing; run: make e2e"
    for place, settings in (("User", USER_SETTINGS), ("Machine", machine_settings or {})):
        file = folder / "data" / place / "settings.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(settings), encoding="utf-8")
    # VS Code asks the login shell for its variables, and /etc/profile may set PATH anew.
    (folder / ".bash_profile").write_text(f"export PATH={path!r}\n", encoding="utf-8")
    variables = {
        **os.environ,
        "HOME": str(folder),
        "SHELL": "/bin/bash",
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_DATA_HOME": str(folder / "share"),
        "PATH": path,
        # The machine's own settings of pip, though this home has none.
        "PIP_CONFIG_FILE": str(Path("~/.config/pip/pip.conf").expanduser()),
        "PIP_CACHE_DIR": str(Path("~/.cache/pip").expanduser()),
        **(environment or {}),
    }
    places = ["--user-data-dir", str(folder / "data"), "--extensions-dir", str(folder / "ext")]
    subprocess.run(
        [str(program), *places, "--install-extension", str(EXTENSION), "--force"],
        check=True,
        env=variables,
        capture_output=True,
    )
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with (folder / "output.log").open("wb") as output:
        process = subprocess.Popen(
            [
                *(str(program), *places, "--bind-addr", f"127.0.0.1:{port}", "--auth", "none"),
                *("--disable-telemetry", "--disable-update-check", *options),
                *("--disable-getting-started-override", "--reconnection-grace-time", "2"),
            ],
            env=variables,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    server = CodeServer(process=process, port=port, folder=folder)
    _wait_for_port(server)
    return server


def _wait_for_port(server: CodeServer) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, urllib.error.URLError):
            urllib.request.urlopen(f"http://127.0.0.1:{server.port}/healthz", timeout=5).close()
            return
        time.sleep(0.1)
    raise AssertionError((server.folder / "output.log").read_text("utf-8"))
