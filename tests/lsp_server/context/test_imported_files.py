"""Files that a document imports are found by their names, and no others."""

from pathlib import Path

from lsp_server.context.imported_files import imported_files


def make(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1\n")


def test_neighbours_and_packages(tmp_path: Path) -> None:
    """The document's own folder first, then from the workspace's folder downwards."""
    make(tmp_path, "src/shop/cart.py", "src/shop/orders.py", "src/shop/other.py")
    make(tmp_path, "tools/orders.py", "util/text/words.py", "src/shop/orders.ts")
    imported = frozenset({"cart", "orders", "shop", "util", "text", "words"})

    found = imported_files(tmp_path / "src/shop/cart.py", [tmp_path], imported)

    names = [path.relative_to(tmp_path).as_posix() for path in found]
    assert names == ["src/shop/orders.py", "util/text/words.py"]


def test_links_are_left_out(tmp_path: Path) -> None:
    """They may lead anywhere."""
    make(tmp_path, "work/a.py", "elsewhere/secret.py", "elsewhere/deep/secret.py")
    (tmp_path / "work/secret.py").symlink_to(tmp_path / "elsewhere/secret.py")
    (tmp_path / "work/deep").symlink_to(tmp_path / "elsewhere/deep")

    found = imported_files(
        tmp_path / "work/a.py", [tmp_path / "work"], frozenset({"secret", "deep"})
    )

    assert found == ()


def test_a_folder_that_cannot_be_read_has_no_files(tmp_path: Path) -> None:
    """Nor has one that is not there."""
    assert imported_files(tmp_path / "no/a.py", [tmp_path / "neither"], frozenset({"b"})) == ()
