"""What a program and all that it starts ask of the network, by strace where there is one."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

_CALLS: Final = "trace=connect,bind,sendto,sendmsg,sendmmsg"
_NETWORK: Final = re.compile(r"(?:connect|bind|sendto|sendmsg|sendmmsg)\(.*AF_INET.*")


@dataclass(frozen=True, slots=True)
class Trace:
    """Put `words` before a command; ask when it has ended."""

    words: tuple[str, ...]  # none where nobody can watch, or one watches already
    log: Path

    def network(self) -> list[str]:
        """Return the calls that name an address of the internet, this machine's included."""
        return _NETWORK.findall(self.log.read_text()) if self.words else []


@pytest.fixture
def traced(tmp_path: Path) -> Trace:
    """A trace of whatever is started with its words."""
    log = tmp_path / "strace.txt"
    strace = shutil.which("strace")
    status = Path("/proc/self/status")
    is_traced = status.exists() and "TracerPid:\t0\n" not in status.read_text()
    if strace is None or is_traced:
        return Trace((), log)
    words = (strace, "-f", "-qq", "--seccomp-bpf", "-e", _CALLS, "-o", str(log))
    may_trace = subprocess.run([*words, "true"], check=False, stderr=subprocess.DEVNULL)
    return Trace(() if may_trace.returncode else words, log)
