"""Which files of a folder count as a repository's sources."""

from collections.abc import Callable
from pathlib import Path

import pytest

from evaluation.errors import DataError
from evaluation.repositories import read_repositories, read_sources

MakeRepositories = Callable[[dict[str, str]], Path]


def test_each_sub_folder_is_a_repository(make_repositories: MakeRepositories) -> None:
    """Python files by path, tests included; hidden, other and loose files are passed over."""
    folder = make_repositories(
        {
            "b/setup.py": "x",
            "b/tests/test_b.py": "y",
            "b/README.md": "z",
            "b/.git/hook.py": "z",
            ".hidden/a.py": "z",
            "empty/notes.txt": "z",
            "a/a.py": "w",
            "loose.py": "z",
        }
    )
    found = read_repositories(folder)

    assert [repository.name for repository in found] == ["a", "b"]
    assert [file.path for file in found[1].files] == ["setup.py", "tests/test_b.py"]
    assert found[0].files[0].text == "w"


def test_text_is_as_an_editor_holds_it(make_repositories: MakeRepositories) -> None:
    """Line ends are newlines, a byte order mark goes, and what is no UTF-8 text does not count."""
    folder = make_repositories({"a/a.py": "\ufeffone\r\n  two\rthree"})
    (folder / "a" / "latin.py").write_bytes(b"\xe9 = 1")
    (folder / "a" / "huge.py").write_bytes(b"#" * 1_000_001)
    (folder / "a" / "link.py").symlink_to("a.py")
    (file,) = read_repositories(folder)[0].files

    assert file.lines == ["one", "  two", "three"]
    assert file.stripped_lines == {"one", "two", "three"}


def test_without_data_the_project_itself_is_the_sample() -> None:
    """Its packages stand for repositories."""
    found = {repository.name: repository for repository in read_repositories(None)}

    assert len(found) >= 5
    assert "repositories.py" in {file.path for file in found["evaluation"].files}


@pytest.mark.parametrize("files", [{"loose.py": "x"}, {"a/notes.txt": "x"}])
def test_nothing_to_read_is_one_sentence(
    make_repositories: MakeRepositories, files: dict[str, str]
) -> None:
    """It says what a folder of repositories is, and names this one."""
    folder = make_repositories(files)
    with pytest.raises(DataError, match="sub-folders") as raised:
        read_repositories(folder)

    assert str(folder) in str(raised.value)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """The reason comes from the system."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="Not a directory"):
        read_repositories(tmp_path / "file")


def test_sources_are_files_repositories_or_folders_of_them(
    make_repositories: Callable[[dict[str, str]], Path],
) -> None:
    """A folder gives its own files and each sub-folder's; a file gives itself."""
    root = make_repositories({"a/x.py": "x\n", "a/deep/y.py": "y\n", "z.py": "z\n", "b/n.txt": ""})
    found = [
        (repository.name, [file.path for file in repository.files])
        for repository in read_sources([root, root / "a", root / "z.py"])
    ]

    assert found == [
        (root.name, ["z.py"]),
        ("a", ["x.py", "deep/y.py"]),
        ("a", ["x.py"]),
        ("deep", ["y.py"]),
        ("z.py", ["z.py"]),
    ]


def test_paths_without_sources_are_one_sentence(tmp_path: Path) -> None:
    """It names the paths."""
    with pytest.raises(DataError, match=r"expected files, or folders.*none\.py"):
        read_sources([tmp_path, tmp_path / "none.py"])
