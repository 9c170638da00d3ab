"""A repository as an index."""

from collections.abc import Callable
from pathlib import Path

from evaluation.positions import Place, Position
from evaluation.repositories import read_repositories
from evaluation.workspace import view


def test_only_the_given_files_are_seen(make_repositories: Callable[[dict[str, str]], Path]) -> None:
    """Those of the document's folder are near; the document itself is no other file."""
    line = "value = compute_total(items)\n"
    names = ("a.py", "deep/b.py", "deep/c.py", "deep/own.py")
    (repository,) = read_repositories(make_repositories({f"r/{name}": line for name in names}))
    files = {file.path: file for file in repository.files}
    position = Position(
        repository=repository, file=files["deep/own.py"], place=Place.LINE_START, line=0, column=0
    )

    def found(*chosen: str) -> list[tuple[str, bool]]:
        seen = view(position, [files[name] for name in chosen])
        hits = seen.longest("value = compute", "compute", 9)
        return [
            (seen.segments[number].keys[seen.segments[number].file(place)], near)
            for number, place, near in hits
        ]

    assert found("a.py", "deep/c.py") == [("deep/c.py", True), ("a.py", False)]
    assert found("a.py") == [("a.py", False)]
    assert found() == []
