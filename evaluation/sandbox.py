"""Runs a generated program with its tests: limits on time, memory and files, and no network.

Each program gets a process group of its own (`python -I -S`, empty environment, empty temporary
working directory), which is killed when the program has ended or its time is over. Inside,
`sandbox_child.py` sets the limits. Where the system allows it, namespaces take away the network and
make sure that no process survives; everywhere an audit hook refuses sockets, further processes and
changes to files. This stops accidents of generated code, not an attacker who knows the sandbox.
"""

import contextlib
import json
import os
import secrets
import select
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from enum import StrEnum
from io import BufferedReader
from pathlib import Path
from typing import Final

from evaluation.errors import SandboxError

_CHILD: Final = Path(__file__).with_name("sandbox_child.py")
_MOST_BYTES: Final = 256  # of the child's answer


class Verdict(StrEnum):
    """How a program ended."""

    PASSED = "passed"  # ran to its end
    FAILED = "failed"  # raised, exited or was stopped by a limit
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one program may use."""

    seconds: float = 10.0  # wall clock; CPU time is limited to the next whole second
    memory_bytes: int = 1 << 30  # address space
    file_bytes: int = 1 << 20


class Sandbox:
    """Runs programs one at a time."""

    def __init__(self, limits: Limits | None = None) -> None:
        """Try the sandbox out.

        Raises:
            SandboxError: it cannot even run an empty program.
        """
        self.limits = limits or Limits()
        self.isolation = "none"  # then what the child says: "namespaces" or "audit hook"
        try:
            works = self.run("pass") is Verdict.PASSED
        except OSError:
            works = False
        if not works:
            raise SandboxError(
                "expected the sandbox for generated code to run an empty program, it does not; are"
                f" processes of {sys.executable} limited on this machine?"
            )

    def run(self, source: str) -> Verdict:
        """Run a program to its end or to its limits."""
        nonce = secrets.token_hex(16)
        order = {
            "source": source,
            "nonce": nonce,
            "cpu_seconds": int(self.limits.seconds) + 1,
            "memory_bytes": self.limits.memory_bytes,
            "file_bytes": self.limits.file_bytes,
        }
        deadline = time.monotonic() + self.limits.seconds
        reading, writing = os.pipe()
        with (
            os.fdopen(reading, "rb") as answers,
            tempfile.TemporaryDirectory(prefix="mixline-eval-") as folder,
            tempfile.TemporaryFile() as orders,
        ):
            orders.write(json.dumps(order).encode())
            orders.seek(0)
            try:
                process = subprocess.Popen(  # noqa: S603 - this interpreter, our own file
                    [sys.executable, "-I", "-S", str(_CHILD)],
                    stdin=orders,
                    stdout=writing,
                    stderr=subprocess.DEVNULL,
                    cwd=folder,
                    env={},
                    start_new_session=True,
                )
            finally:
                os.close(writing)
            try:
                answer = _answer(answers, deadline)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if answer is None:
            return Verdict.TIMEOUT
        said, _, isolation = answer.partition(" ")
        if said != nonce:
            return Verdict.FAILED
        self.isolation = isolation
        return Verdict.PASSED


def _answer(stream: BufferedReader, deadline: float) -> str | None:
    """Return what the child writes at once, "" if it ended without a word, None if time is over."""
    left = max(0.0, deadline - time.monotonic())
    ready, _, _ = select.select([stream], [], [], left)
    if not ready:
        return None
    return os.read(stream.fileno(), _MOST_BYTES).decode("ascii", "replace")
