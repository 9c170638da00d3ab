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


WRONG = """
import asyncio, gc, logging
from lsp_server.log import log_to_stderr
log_to_stderr()
async def fail(text):
    raise ValueError(text)
async def main():
    task = asyncio.create_task(fail("xylophone"))
    await asyncio.sleep(0.01)
    del task
    asyncio.get_running_loop().call_soon(lambda text: {}[text], "xylophone")
    await asyncio.sleep(0.01)
asyncio.run(main())
gc.collect()
try:
    try:
        {}["xylophone"]
    except KeyError as error:
        raise ValueError("xylophone") from error
except ValueError:
    logging.getLogger("lsp_server.features").exception("not handled")
"""


def test_errors_are_told_without_what_they_say() -> None:
    """Of ours, and of tasks and callbacks: a message such as KeyError's used to be logged."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", WRONG], capture_output=True, text=True, timeout=60, check=True
    )

    assert "xylophone" not in done.stderr
    assert "asyncio: Task exception was never retrieved" in done.stderr
    assert "asyncio: Exception in callback main.<locals>.<lambda>" in done.stderr
    assert "lsp_server.features: not handled" in done.stderr
    assert done.stderr.count("Traceback (most recent call last):") == 4
    assert done.stderr.count("\nKeyError\n") == 2
