"""Builds the operators with a sanitizer and runs their tests, or the fuzzer, on that build.

    python tests/sanitizers/run.py address [pytest's arguments]
    python tests/sanitizers/run.py address suite [pytest's arguments]
    python tests/sanitizers/run.py thread [pytest's arguments]
    python tests/sanitizers/run.py address fuzz [the fuzzer's arguments]

`suite` is every test of the project that can run so, in place of those of the operators alone.

`address` is AddressSanitizer with UndefinedBehaviorSanitizer; leaks count where one of our own
frames made what was lost, for Python and ONNX Runtime keep memory on purpose. `thread` is
ThreadSanitizer.
"""

import ctypes
import os
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
SANITIZERS: Final = {"address": "address;undefined", "thread": "thread"}
# The folders that tests/native/test_native.py builds in, too.
BUILDS: Final = {"address": "build/native-sanitized", "thread": "build/native-thread"}
TESTS: Final = {
    "address": ("tests/inference/ops",),
    # Where several threads are at work: large calls, sessions that run at once.
    "thread": (
        "tests/inference/ops/test_cached_attention.py",
        "tests/inference/ops/test_expert_counts.py",
        "tests/inference/ops/test_expert_ffn.py",
    ),
}
# What weighs the process, which a sanitizer makes heavier; what asks for glibc's allocator, whose
# place it takes; what makes a fault to see that it is found.
LEFT_OUT: Final = (
    *("--deselect", "tests/inference/ops/test_zero_copy.py"),
    *("--deselect", "tests/lsp_server/test_rest.py::test_freed_memory_goes_back"),
    *("--deselect", "tests/training/test_allocator.py"),
    *("--deselect", "tests/fuzz/test_fuzz.py::test_a_read_behind_an_array_is_a_fault"),
)
# All but what builds, with other sanitizers or with none, and what limits the addresses of a
# process: a sanitizer takes terabytes of them.
SUITE: Final = (
    "tests",
    *("--ignore=tests/native", "--ignore=tests/sanitizers", "--ignore=tests/test_packaging.py"),
    *("--ignore=tests/fuzz/test_models.py", "--ignore=tests/lsp_server/test_faults_wire.py"),
    "--ignore=tests/lsp_server/test_faults_midway_wire.py",
)
OPERATORS: Final = "MIXLINE_SANITIZED_OPERATORS"
CHILD: Final = "MIXLINE_SANITIZED_CHILD"
FOUND: Final = re.compile(r"runtime error:|ERROR: AddressSanitizer|WARNING: ThreadSanitizer")


def build(kind: str) -> Path:
    """Return the folder with the library and the native tests, up to date."""
    cmake = shutil.which("cmake")
    if cmake is None:
        sys.exit("expected cmake on PATH, found none; run: pip install cmake ninja")
    folder = ROOT / BUILDS[kind]
    configure = [
        *[cmake, "-S", str(ROOT), "-B", str(folder), "-G", "Ninja", "-DMIXLINE_TESTS=ON"],
        f"-DMIXLINE_SANITIZE={SANITIZERS[kind]}",
        *["-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS=-Werror -O1"],
    ]
    subprocess.run(configure, check=True, stdout=subprocess.DEVNULL)
    subprocess.run([cmake, "--build", str(folder)], check=True, stdout=subprocess.DEVNULL)
    return folder


def runtime(kind: str) -> str:
    """Return what has to be loaded before Python: the sanitizer, and libstdc++ for its throws."""
    names = {"address": "libasan.so", "thread": "libtsan.so"}[kind], "libstdc++.so"
    compiler = shutil.which("g++") or "c++"
    return ":".join(
        subprocess.run(
            [compiler, f"-print-file-name={name}"], check=True, capture_output=True, text=True
        ).stdout.strip()
        for name in names
    )


def environment(kind: str, log: Path) -> dict[str, str]:
    """Return the variables of the process that runs Python under the sanitizer."""
    common = f"log_path={log}:exitcode=66"
    return {
        **os.environ,
        "LD_PRELOAD": runtime(kind),
        # Python processes that tests start, servers above all, take these operators, too.
        "PYTHONPATH": str(Path(__file__).with_name("children")),
        OPERATORS: str(ROOT / BUILDS[kind]),
        "PYTHONMALLOC": "malloc",  # each object is a block of its own, with red zones around it
        # Without detect_stack_use_after_return: GCC 12 then misaligns 64-byte vectors on the stack
        # (its bug 110027), and stores to them fault.
        "ASAN_OPTIONS": f"{common}:leak_check_at_exit=0",
        "UBSAN_OPTIONS": f"{common}:print_stacktrace=1",
        "TSAN_OPTIONS": f"{common}:suppressions={Path(__file__).with_name('thread.supp')}",
        CHILD: str(log),
    }


def parent(kind: str, words: Sequence[str]) -> int:
    """Build, run the native tests, then this file again under the sanitizer."""
    folder = build(kind)
    if not words:
        subprocess.run([folder / "mixline_native_tests"], check=True)
    with tempfile.TemporaryDirectory() as place:
        log = Path(place) / "sanitizer"
        child = [sys.executable, __file__, kind, *words]
        status = subprocess.run(child, check=False, env=environment(kind, log), cwd=ROOT).returncode
        reports = [path.read_text(errors="replace") for path in Path(place).iterdir()]
    wrong = [text for text in reports if FOUND.search(text)]
    wrong += [record for text in reports for record in leaks(text)]
    for text in wrong:
        print(text, file=sys.stderr)
    print(f"{kind} sanitizer: {len(wrong)} reports, exit status {status}")
    return 1 if wrong or status else 0


def child(kind: str, words: Sequence[str]) -> int:
    """Run the tests or the fuzzer in this process, which the sanitizer watches."""
    operators = ["--operators", str(ROOT / BUILDS[kind])]
    sys.path.insert(0, str(ROOT))
    if words[:1] == ["fuzz"]:
        module, sys.argv[1:] = "tests.fuzz", [*operators, *words[1:]]
    else:
        if words[:1] == ["suite"]:
            words = [*SUITE, *words[1:]]
        module, sys.argv[1:] = "pytest", [*operators, "-q", *LEFT_OUT, *(words or TESTS[kind])]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        status: str | int | None = 0
    except SystemExit as ended:
        status = ended.code
    if kind == "address":
        ctypes.CDLL(None).__lsan_do_recoverable_leak_check()
    return int(status or 0)


def leaks(report: str) -> list[str]:
    """Return the leaks of a report that have a frame of our library."""
    return [
        record
        for record in report.split("\n\n")
        if " leak of " in record and "libmixline_ops.so" in record
    ]


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in SANITIZERS:
        sys.exit(f"expected one of {', '.join(SANITIZERS)}, got {sys.argv[1:2]}")
    sys.exit((child if CHILD in os.environ else parent)(sys.argv[1], sys.argv[2:]))
