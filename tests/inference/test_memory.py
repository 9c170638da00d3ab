"""Free memory, as the system tells it."""

from pathlib import Path

from inference.memory import free_bytes


def test_available_memory_of_the_system(tmp_path: Path) -> None:
    """MemAvailable, in bytes."""
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:  900 kB\nMemFree:  100 kB\nMemAvailable:  300 kB\n")

    assert free_bytes(meminfo, tmp_path) == 300 * 1024


def test_container_limit_counts(tmp_path: Path) -> None:
    """A container that may take less than the machine has free."""
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemAvailable:  300 kB\n")
    (tmp_path / "memory.current").write_text("1000\n")
    for limit, free in (("5000\n", 4000), ("500\n", 0), ("max\n", 300 * 1024)):
        (tmp_path / "memory.max").write_text(limit)

        assert free_bytes(meminfo, tmp_path) == free


def test_unknown_system_still_answers(tmp_path: Path) -> None:
    """Without the file, and with a file that does not tell, something is assumed."""
    assert free_bytes(tmp_path / "none", tmp_path) > 0
    (tmp_path / "meminfo").write_text("nothing\n")
    assert free_bytes(tmp_path / "meminfo", tmp_path) > 0


def test_this_machine_has_memory() -> None:
    """The real files are read."""
    assert free_bytes() > 2**20
