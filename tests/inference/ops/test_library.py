"""Finding the operator library, and the kernels that it offers."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from inference.errors import OperatorLibraryError
from inference.ops import library
from inference.ops.layout import LAYOUT

KNOWN = ("avx512", "avxvnni", "avx2", "neon", "portable")
ASK = "from inference.ops import library; print(library.chosen_kernel())"


def chosen_with(isa: str) -> subprocess.CompletedProcess[str]:
    """Ask in a fresh process, where MIXLINE_ISA has the given value."""
    return subprocess.run(
        [sys.executable, "-c", ASK],
        env={"MIXLINE_ISA": isa, "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_library_is_found_in_the_package() -> None:
    """The installed package, editable or not, holds the library."""
    assert library.library_path().name == "libmixline_ops.so"


def test_a_missing_library_is_one_helpful_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the file, the folder and the command that builds it."""
    monkeypatch.setattr("inference.ops.__path__", [str(tmp_path)])

    with pytest.raises(OperatorLibraryError, match=r"libmixline_ops\.so in .*pip install -e") as e:
        library.library_path()

    assert str(tmp_path) in str(e.value)
    assert "\n" not in str(e.value)


def test_without_cuda_operators_there_is_no_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are optional: nothing is raised."""
    monkeypatch.setattr("inference.ops.__path__", [str(tmp_path)])

    assert library.cuda_library_path() is None


def test_every_folder_of_the_package_is_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An editable install has the sources in one folder and the library in another."""
    built = tmp_path / "built"
    built.mkdir()
    shutil.copy(library.library_path(), built)
    monkeypatch.setattr("inference.ops.__path__", [str(tmp_path), str(built)])

    assert library.library_path() == built / "libmixline_ops.so"


def test_a_file_that_is_no_library_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A damaged file gives our error, not an OSError."""
    (tmp_path / "libmixline_ops.so").write_bytes(b"not a library")
    monkeypatch.setattr("inference.ops.__path__", [str(tmp_path)])

    with pytest.raises(OperatorLibraryError, match="rebuild"):
        library.available_kernels()


def test_a_library_of_before_the_layouts_had_numbers_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lacks a function; its kernels would read scales where values are, and answer NaN."""
    old = tmp_path / "libmixline_ops.so"
    old.write_bytes(
        library.library_path()
        .read_bytes()
        .replace(b"mixline_packed_layout", b"mixline_packed_LAYOUT")
    )
    monkeypatch.setattr("inference.ops.__path__", [str(tmp_path)])

    with pytest.raises(OperatorLibraryError, match=r"mixline_packed_layout; rebuild it with") as e:
        library.library_path()

    assert str(old) in str(e.value)


def test_a_library_that_reads_another_layout_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sources went on and the library was not rebuilt; no session is opened with it."""
    monkeypatch.setattr("inference.ops.library.LAYOUT", LAYOUT + 1)

    with pytest.raises(
        OperatorLibraryError,
        match=rf"layout {LAYOUT + 1}, .* found layout {LAYOUT}; rebuild it with `pip install -e",
    ):
        library.library_path()


def test_portable_is_always_available_and_last() -> None:
    """The list is in order of preference and only holds known names."""
    kernels = library.available_kernels()

    assert kernels[-1] == "portable"
    assert list(kernels) == [name for name in KNOWN if name in kernels]


def test_without_mixline_isa_the_first_available_kernel_is_chosen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing forced, nothing lost."""
    monkeypatch.delenv("MIXLINE_ISA", raising=False)

    assert library.chosen_kernel() == library.available_kernels()[0]


@pytest.mark.parametrize("isa", KNOWN)
def test_mixline_isa_forces_a_kernel_or_says_why_not(isa: str) -> None:
    """A kernel that this machine lacks is an error that names those it has."""
    result = chosen_with(isa)

    if isa in library.available_kernels():
        assert result.stdout.strip() == isa
    else:
        assert "MIXLINE_ISA" in result.stderr
        assert isa in result.stderr
        assert ", ".join(library.available_kernels()) in result.stderr


def test_an_unknown_mixline_isa_is_an_error() -> None:
    """The message names the value and the choices."""
    result = chosen_with("sse9")

    assert result.returncode != 0
    assert "MIXLINE_ISA" in result.stderr
    assert "sse9" in result.stderr
    assert ", ".join(library.available_kernels()) in result.stderr
