"""Freed memory stays with the process."""

import platform
import subprocess
import sys

import pytest

COUNT_FAULTS = """
import resource
from training.allocator import keep_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        bytearray(2**25)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

before, kept = faults(), keep_memory()
bytearray(2**25)
print(before, kept, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc takes the options")
def test_large_blocks_come_from_what_was_freed() -> None:
    """Twenty times 32 MiB cost page faults before, and next to none after."""
    done = subprocess.run(
        [sys.executable, "-c", COUNT_FAULTS], capture_output=True, text=True, check=True
    )
    before, kept, after = done.stdout.split()

    assert kept == "True"
    assert int(after) < int(before) / 10
