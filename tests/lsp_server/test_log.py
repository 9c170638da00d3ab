"""Log: nobody waits for it, and nothing of a message is in it."""

import os
import subprocess
import sys

SCRIPT = """
import logging, time
from lsp_server.log import log_to_stderr
log_to_stderr()
started = time.monotonic()
for number in range(20000):
    logging.getLogger("lsp_server.test").info("line %d", number)
logging.getLogger("pygls.protocol.json_rpc").error("Failed to handle %r: %s", "xylophone", "x")
try:
    raise ValueError("xylophone")
except ValueError:
    logging.getLogger("pygls.x").exception("wrong")
logging.getLogger("pygls.protocol").info("Sending data: xylophone")
print(time.monotonic() - started < 30)
"""


def test_nobody_has_to_read_stderr() -> None:
    """A full pipe drops records instead of stopping the server."""
    read, write = os.pipe()
    done = subprocess.run(
        [sys.executable, "-P", "-c", SCRIPT],
        stdout=subprocess.PIPE,
        stderr=write,
        timeout=60,
        check=True,
    )
    os.close(write)
    os.close(read)

    assert done.stdout == b"True\n"


def test_records_of_pygls_lose_what_they_quote() -> None:
    """The wording and the kind of an error stay."""
    script = SCRIPT.replace("20000", "2")
    done = subprocess.run(
        [sys.executable, "-P", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert "lsp_server.test: line 1" in done.stderr
    assert "pygls.protocol.json_rpc: Failed to handle" in done.stderr
    assert "wrong (ValueError)" in done.stderr
    assert "xylophone" not in done.stderr
    assert "Sending data" not in done.stderr
