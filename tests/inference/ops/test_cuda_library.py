"""Finding the CUDA operators, which most installations do not have."""

import shutil
import subprocess
from pathlib import Path

import pytest

from inference.errors import OperatorLibraryError
from inference.ops.cuda_library import LIBRARY_NAME, find_cuda_library
from tests.gpu import BUILT


def test_without_the_library_there_are_none(tmp_path: Path) -> None:
    """An installation that was built without nvcc is not an error."""
    assert find_cuda_library([tmp_path]) is None


def test_a_broken_library_is_one_helpful_sentence(tmp_path: Path) -> None:
    """The error names the file and what to do."""
    (tmp_path / LIBRARY_NAME).write_bytes(b"no library")

    with pytest.raises(OperatorLibraryError, match=r"-DMIXLINE_CUDA=ON, or remove it") as e:
        find_cuda_library([tmp_path])

    assert str(tmp_path) in str(e.value)
    assert "\n" not in str(e.value)


@pytest.mark.skipif(shutil.which("g++") is None, reason="a library of another version needs g++")
def test_a_library_of_another_layout_is_refused(tmp_path: Path) -> None:
    """Weights in one order and kernels for another never meet."""
    source = tmp_path / "other.cc"
    source.write_text(
        'extern "C" int mixline_cuda_packed_layout() { return 1; }\n'
        'extern "C" const char* mixline_cuda_architectures() { return "sm_90"; }\n'
        'extern "C" int mixline_cuda_devices(char*, unsigned long) { return 0; }\n'
    )
    command = ["g++", "-shared", "-fPIC", str(source), "-o", str(tmp_path / LIBRARY_NAME)]
    subprocess.run(command, check=True)

    with pytest.raises(OperatorLibraryError, match="in layout 2, found layout 1"):
        find_cuda_library([tmp_path])


@pytest.mark.skipif(
    not (BUILT / LIBRARY_NAME).is_file(),
    reason="built by: cmake -S . -B build/cuda -DMIXLINE_CUDA=ON && cmake --build build/cuda",
)
def test_the_built_library_loads_without_a_gpu() -> None:
    """It has code for every GPU of the list, and says how many there are, or why none."""
    found = find_cuda_library([BUILT])

    assert found is not None
    assert found.architectures == ("sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120")
    assert (found.num_devices > 0) == (found.no_device == "")
