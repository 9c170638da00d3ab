"""What counts as a finding in a sanitizer's report."""

import pytest

from tests.sanitizers.run import FOUND, leaks

REPORT = """
=================================================================
==7==ERROR: LeakSanitizer: detected memory leaks

Direct leak of 56 byte(s) in 1 object(s) allocated from:
    #0 0x7f84 in operator new(unsigned long)
    #1 0x7f83  (/site-packages/onnxruntime/capi/onnxruntime_pybind11_state.so+0x551f2f)

Direct leak of 8 byte(s) in 1 object(s) allocated from:
    #0 0x7f84 in operator new(unsigned long)
    #1 0x7f82 in Compute (/build/native-sanitized/libmixline_ops.so+0x1aca3)

SUMMARY: AddressSanitizer: 64 byte(s) leaked in 2 allocation(s).
"""


def test_only_leaks_with_a_frame_of_ours_count() -> None:
    """What Python and ONNX Runtime keep for good is not our matter."""
    (leak,) = leaks(REPORT)

    assert "8 byte(s)" in leak
    assert not FOUND.search(REPORT)


@pytest.mark.parametrize(
    "line",
    [
        "routing.cc:12:3: runtime error: index 9 out of bounds for type 'int [9]'",
        "==7==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x60",
        "WARNING: ThreadSanitizer: data race (pid=7)",
    ],
)
def test_every_other_report_counts(line: str) -> None:
    """Of any of the three sanitizers."""
    assert FOUND.search(f"text\n{line}\nmore")
