"""SIGKILL at random moments while state is written: nothing that was told as written is lost.

A few kills here; `make faults` sets MIXLINE_KILLS to a thousand.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("MIXLINE_KILLS", "15"))
# Kills children that write for ever; each tells behind every write what it has written. What they
# do and how it is checked comes before and behind this.
LOOP = """
import contextlib, os, random, signal, sys, time
from pathlib import Path
random.seed(10)
told = []
for number in range(int(sys.argv[2])):
    hear, tell = os.pipe()
    child = os.fork()
    if not child:
        os.close(hear)
        for step in range(10**9):
            work(number, step)
            os.write(tell, b"%d\\n" % step)
    os.close(tell)
    said = os.read(hear, 1 << 16)
    time.sleep(random.uniform(0, 0.01))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while data := os.read(hear, 1 << 16):
        said += data
    os.close(hear)
    # A write of so few bytes is whole or not there.
    told += [(number, int(step)) for step in said.split()]
"""
TRUST = """
import sys
from pathlib import Path
from lsp_server.trust import TrustList
state = Path(sys.argv[1])
def work(number, step):
    TrustList(state).add(Path(f"/work/{number}/{step}"))
    if step > 3:  # or the list grows too long to be written often
        TrustList(state).remove(Path(f"/work/{number}/{step - 3}"))
"""
TRUSTED = """
known = set(map(str, TrustList(state).folders()))
for number, step in told:
    last = max(s for n, s in told if n == number)
    # The step behind the last one that was told may have removed the one of two before that.
    if step > last - 2 or step == 0:
        assert f"/work/{number}/{step}" in known, (number, step)
left = sorted(path.name for path in state.iterdir())
assert left in (["trusted.json"], ["trusted.json", "trusted.json.new"]), left
print(len(told))
"""
HISTORY = """
import sys
from pathlib import Path
from lsp_server.history.file import HistoryFile
from lsp_server.history.schema import write
from tests.lsp_server.history.samples import judged, shown
state = Path(sys.argv[1])
file = HistoryFile(state)
def work(number, step):
    batch = [shown() for _ in range(5)]
    with file.open() as connection:
        write(connection, batch + [judged(row) for row in batch], file.salt())
"""
KEPT = """
from lsp_server.history.statistics import read_statistics
with file.open() as connection:
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
left = {path.name for path in state.iterdir()} - {"history.sqlite-wal", "history.sqlite-shm"}
assert left == {"history.sqlite", "history.salt"}, left
shown_rows = read_statistics(file).total.shown
# Identities are drawn, and two children may draw some alike.
assert shown_rows >= 0.98 * 5 * len(told), (shown_rows, len(told))
print(len(told))
"""
SALT = """
import sys
from pathlib import Path
from lsp_server.history.file import HistoryFile
state = Path(sys.argv[1])
known = HistoryFile(state).salt()
def work(number, step):
    own = state / str(number) / str(step)
    assert HistoryFile(state).salt() == known
    assert len(HistoryFile(own).salt()) == 32
"""
SALTED = """
for number, step in told:
    assert len((state / str(number) / str(step) / "history.salt").read_bytes()) == 32
assert HistoryFile(state).salt() == known
print(len(told))
"""


@pytest.mark.parametrize(
    ("before", "behind"),
    [(TRUST, TRUSTED), (HISTORY, KEPT), (SALT, SALTED)],
    ids=["trust", "history", "salt"],
)
def test_nothing_that_was_written_is_lost(tmp_path: Path, before: str, behind: str) -> None:
    """Nor is anything found damaged by whoever comes next."""
    state = tmp_path / "state"
    done = subprocess.run(
        [sys.executable, "-c", before + LOOP + behind, str(state), str(KILLS)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= KILLS
    assert not list(state.rglob("*.damaged"))
