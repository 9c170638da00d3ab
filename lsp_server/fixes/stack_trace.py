"""Stack traces of Python and JavaScript: frames, what was raised, what it complains of."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lsp_server.document import Document, Point
from lsp_server.fixes.diagnostic import Diagnostic

TRACE_SOURCE: Final = "traceback"
"""The source of complaints that come from a run: no checker's, so that one may verify or none."""

_PYTHON_FRAME: Final = re.compile(r'^\s*(?:\|\s*)?File "([^"\n]+)", line (\d+)(?:, in (.+))?$')
_SCRIPT_FRAME: Final = re.compile(r"^\s*at (?:(.+?) \()?(?:file://)?([^\s()]+?):(\d+):(\d+)\)?$")
_PYTHON_START: Final = re.compile(r"^\s*(?:[+|]\s*)*(?:Exception Group )?Traceback \(most recent")
_RAISED: Final = re.compile(r"^(?:\|\s*)?(?:Uncaught )?((?:[\w$]+\.)*[A-Z][\w$]*)(?:: (.*))?$")
_INSTALLED: Final = frozenset({"site-packages", "dist-packages", "node_modules"})
_MOST_LINES: Final = 20_000
_COMPLAINTS: Final = (
    (re.compile(r"name '(\w+)' is not defined"), "undefined-name"),
    (re.compile(r"^(\w+) is not defined"), "undefined-name"),
    (re.compile(r"has no attribute '(\w+)'"), "no-member"),
    (re.compile(r"(\w+)\(\) got an unexpected keyword argument"), "unexpected-keyword-arg"),
    (re.compile(r"(\w+)\(\) missing \d+ required"), "no-value-for-parameter"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One call."""

    path: Path  # as the trace has it
    line: int  # from 0
    function: str  # "" where the trace names none


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One error."""

    frames: tuple[Frame, ...]  # the innermost last
    error: str  # its type, such as "NameError"
    message: str


def read_trace(text: str) -> Trace | None:
    """Return the last error of a text that holds a stack trace among other things, else None."""
    lines = text.splitlines()[-_MOST_LINES:]
    starts = [number for number, line in enumerate(lines) if _PYTHON_START.match(line)]
    trace = _python(lines[starts[-1] :] if starts else lines)
    return trace or _script(lines)


def inside(trace: Trace, folder: Path) -> list[Frame]:
    """Return the frames whose files lie in a folder, links resolved, with their real paths.

    Installed packages are not the folder's own, though many lie in it.
    """
    found = []
    for frame in trace.frames:
        try:
            path = (folder / frame.path).resolve()
            if not path.is_relative_to(folder) or not path.is_file():
                continue
            if _INSTALLED.isdisjoint(path.relative_to(folder).parts):
                found.append(Frame(path=path, line=frame.line, function=frame.function))
        except (OSError, ValueError, RuntimeError):
            continue
    return found


def paragraph(trace: Trace, own: list[Frame], folder: Path) -> str:
    """Say in a few sentences what failed, and by which calls of the workspace it was reached."""
    raised = f"{trace.error}: {trace.message}" if trace.message else trace.error
    if not own:
        return (
            f"{raised}. None of its {len(trace.frames)} frames lies in {folder}; the error was"
            " raised by code outside of it."
        )
    last = own[-1]
    where = f"line {last.line + 1} of {last.path.relative_to(folder)}"
    function = f" in {last.function}" if last.function and last.function != "<module>" else ""
    parts = [f"{raised}, at {where}{function}."]
    behind = next(
        number
        for number, frame in enumerate(reversed(trace.frames))
        if (frame.line, frame.path.name) == (last.line, last.path.name)
    )
    if behind > 0:
        calls = "call" if behind == 1 else "calls"
        parts.append(f"It was raised {behind} {calls} deeper, in code outside of the workspace.")
    if len(own) > 1:
        way = [
            f"{frame.path.relative_to(folder)}:{frame.line + 1}"
            + (f" ({frame.function})" if frame.function else "")
            for frame in own[:-1]
        ]
        parts.append(f"It was reached through {', '.join(way)}.")
    return " ".join(parts)


def complaint(trace: Trace, frame: Frame, document: Document) -> Diagnostic | None:
    """Return the error as a diagnostic of the line that failed, None if it names nothing there."""
    if frame.line >= len(document.lines):
        return None
    line = document.line(frame.line)
    for pattern, code in _COMPLAINTS:
        found = pattern.search(trace.message)
        name = None if found is None else re.search(rf"\b{re.escape(found[1])}\b", line)
        if name is not None:
            return Diagnostic(
                start=Point(frame.line, name.start()),
                end=Point(frame.line, name.end()),
                code=code,
                message=trace.message,
                source=TRACE_SOURCE,
            )
    return None


def _python(lines: list[str]) -> Trace | None:
    frames = []
    for number, line in enumerate(lines):
        frame = _PYTHON_FRAME.match(line)
        if frame is not None:
            place = max(0, int(frame[2]) - 1)
            frames.append(Frame(path=Path(frame[1]), line=place, function=frame[3] or ""))
        elif frames and (raised := _RAISED.match(line)) is not None:
            message = " ".join([raised[2] or "", *_continued(lines[number + 1 :])])
            return Trace(frames=tuple(frames), error=raised[1], message=message.strip())
    return None


def _continued(lines: list[str]) -> list[str]:
    """Return the further lines of a message: up to a blank one, at most a few."""
    found = []
    for line in lines[:5]:
        if not line.strip():
            break
        found.append(line.strip())
    return found


def _script(lines: list[str]) -> Trace | None:
    raised: re.Match[str] | None = None
    frames: list[Frame] = []
    last: tuple[re.Match[str], list[Frame]] | None = None
    for line in lines:
        if (error := _RAISED.match(line)) is not None:
            raised, frames = error, []
        elif raised is not None and (frame := _SCRIPT_FRAME.match(line)) is not None:
            place = max(0, int(frame[3]) - 1)
            frames.append(Frame(path=Path(frame[2]), line=place, function=frame[1] or ""))
            last = raised, frames
    if last is None:
        return None
    error, found = last
    return Trace(frames=tuple(reversed(found)), error=error[1], message=(error[2] or "").strip())
