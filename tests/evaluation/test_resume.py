"""Results survive a kill; what they depend on names their file."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from evaluation import resume
from evaluation.errors import DataError
from evaluation.progress import Progress
from evaluation.resume import ResultCache, cache_file, digest, measure_all


@dataclass(frozen=True, slots=True, kw_only=True)
class Squared:
    """An outcome."""

    value: int


def run(
    path: Path, items: list[int], *, fresh: bool = False, fail_at: int | None = None
) -> tuple[list[int], list[int]]:
    """Square items; return the results and which were measured this time."""
    measured: list[int] = []

    def measure(item: int) -> Squared:
        if item == fail_at:
            raise KeyboardInterrupt
        measured.append(item)
        return Squared(value=item * item)

    with ResultCache(path, Squared, fresh=fresh) as cache, Progress("test", len(items)) as progress:
        done = measure_all(items, key=str, measure=measure, cache=cache, progress=progress)
    return [one.value for one in done], measured


def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    """What was measured before the interrupt is not measured again, and the order holds."""
    path = tmp_path / "deep" / "cache.jsonl"
    with pytest.raises(KeyboardInterrupt):
        run(path, [1, 2, 3, 4], fail_at=3)
    values, measured = run(path, [4, 3, 2, 1])

    assert values == [16, 9, 4, 1]
    assert measured == [4, 3]
    assert run(path, [1, 2, 3, 4]) == ([1, 4, 9, 16], [])


def test_a_torn_or_foreign_line_is_measured_again(tmp_path: Path) -> None:
    """A kill in the middle of a write costs that line alone, also for the run after the next."""
    path = tmp_path / "cache.jsonl"
    run(path, [1, 2])
    whole = path.read_bytes()
    path.write_bytes(b'[1]\n{"key": "9"}\n\xff\n' + whole[:-4])

    assert run(path, [1, 2]) == ([1, 4], [2])
    assert run(path, [1, 2]) == ([1, 4], [])


def test_fresh_forgets(tmp_path: Path) -> None:
    """--fresh measures everything again and replaces the file."""
    path = tmp_path / "cache.jsonl"
    run(path, [1, 2])

    assert run(path, [1], fresh=True) == ([1], [1])
    assert run(path, [1, 2]) == ([1, 4], [2])


def test_the_file_depends_on_model_code_and_parameters(
    tiny_model: Path, tmp_path: Path, cache_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any other manifest, program or parameter is another file under XDG_CACHE_HOME."""
    other = tmp_path / "model"
    other.mkdir()
    manifest = (tiny_model / "manifest.json").read_bytes()
    (other / "manifest.json").write_bytes(manifest + b" ")
    first = cache_file("bits", tiny_model, {"window": 8})

    assert first == cache_file("bits", tiny_model, {"window": 8})
    assert first.parent == cache_home / "mixline" / "eval"
    assert first != cache_file("bits", tiny_model, {"window": 9})
    assert first != cache_file("bits", other, {"window": 8})
    monkeypatch.setattr(resume, "code_digest", lambda: "other")
    assert first != cache_file("bits", tiny_model, {"window": 8})


def test_borders_of_parts_count() -> None:
    """Two keys cannot collide by moving text from one part to the next; surrogates are no error."""
    assert digest("ab", "c") != digest("a", "bc")
    assert digest("\ud800") != digest("")


def test_an_unwritable_folder_is_one_sentence(tmp_path: Path) -> None:
    """It names the folder and the remedy."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="XDG_CACHE_HOME"):
        ResultCache(tmp_path / "file" / "cache.jsonl", Squared, fresh=False)
