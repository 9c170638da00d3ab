"""What of a workspace is read, and what others may see of it."""

from pathlib import Path

import pytest

from lsp_server.context.admission import AdmissionRules
from lsp_server.context.redaction import redact
from lsp_server.context.workspace_files import (
    MAX_FILE_BYTES,
    read_shared,
    shared,
    stamp_of,
    walk,
)

KEY = "kT8vQz/Lm2RxW0aBn+Yc5pHd7JfUe1GsKqVo3iZt"


def never() -> None:
    """Do not pause."""


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_folders_of_tools_are_not_entered(tmp_path: Path) -> None:
    """Nor hidden ones, ignored ones and links; the upper files come first."""
    write(
        tmp_path,
        dict.fromkeys(
            ("deep/below/d.py", "deep/c.py", "b.py", "node_modules/x.js", ".venv/x.py", "out/x.py"),
            "x = 1\n",
        ),
    )
    (tmp_path / ".gitignore").write_text("out/\n")
    (tmp_path / "link").symlink_to(tmp_path / "deep")
    (tmp_path / "link.py").symlink_to(tmp_path / "b.py")
    found = walk([tmp_path.resolve()], AdmissionRules([tmp_path]), never)

    assert [file.relative_to(tmp_path.resolve()).as_posix() for file in found] == [
        ".gitignore",
        "b.py",
        "deep/c.py",
        "deep/below/d.py",
    ]


def test_folders_that_are_not_there_are_survived(tmp_path: Path) -> None:
    """As they may go at any time."""
    assert list(walk([tmp_path / "gone"], AdmissionRules([tmp_path]), never)) == []
    assert stamp_of(tmp_path / "gone") is None
    assert stamp_of(tmp_path) is None
    assert read_shared(tmp_path / "gone", AdmissionRules([tmp_path]), never) is None


def test_keys_are_taken_out(tmp_path: Path) -> None:
    """As from open documents; line ends become newlines."""
    write(tmp_path, {"a.py": f"KEY = '{KEY}'\r\nvalue = 1\r\n"})

    text = read_shared(tmp_path / "a.py", AdmissionRules([tmp_path]), never)
    assert text == "KEY = '<redacted>'\nvalue = 1\n"


@pytest.mark.parametrize("name", [".env", "id_rsa", "out/a.py", "../outside.py"])
def test_files_that_are_not_admitted_are_not_read(tmp_path: Path, name: str) -> None:
    """Secrets, ignored ones, those outside the workspace."""
    workspace = tmp_path / "work"
    write(workspace, {name: "value = 1\n", ".gitignore": "out/\n"})

    assert read_shared(workspace / name, AdmissionRules([workspace]), never) is None


def test_what_was_walked_is_decided_by_its_own_name(tmp_path: Path) -> None:
    """Ignored files and secrets stay out, and nothing of an ignored folder is yielded at all."""
    rules = "*.gen.py\nout/\n"
    names = ("a.py", "b.gen.py", ".env", "in/c.py", "in/d.py", "out/e.py", "in/out/f.py")
    write(tmp_path, dict.fromkeys(names, "x = 1\n") | {"in/.gitignore": "d.py\n"})
    write(tmp_path, {".gitignore": rules, ".git/HEAD": ""})
    admitted = AdmissionRules([tmp_path])
    read = {
        file.relative_to(tmp_path).as_posix()
        for file in walk([tmp_path], admitted, never)
        if read_shared(file, admitted, never, walked=True)
    }
    ignored = tmp_path / "out"

    assert read == {"a.py", "in/c.py", ".gitignore", "in/.gitignore"}
    assert list(walk([ignored], AdmissionRules([ignored]), never)) == []


def test_only_text_that_people_write_is_read(tmp_path: Path) -> None:
    """Neither zero bytes nor other encodings, nor endless lines; a large file has no stamp."""
    rules = AdmissionRules([tmp_path])
    for number, data in enumerate((b"a\0b\n", b"\xff\xfe\n", b"var a=1;" * 500)):
        file = tmp_path / f"{number}.js"
        file.write_bytes(data)
        assert not read_shared(file, rules, never)
    large = tmp_path / "large.py"
    large.write_text("x = 1\n" * (MAX_FILE_BYTES // 6 + 1))

    assert stamp_of(large) is None
    assert not read_shared(large, rules, never)


def test_parts_are_redacted_as_the_whole() -> None:
    """Whatever stands where it is cut; and others get their turn between the parts."""
    pauses: list[int] = []
    text = "".join(f"line_{number} = '{KEY[number % 9 :]}'\n" for number in range(4000))
    block = "-----BEGIN PRIVATE KEY-----\n" + "MIIB\n" * 9000 + "-----END PRIVATE KEY-----\n"

    assert shared(text, lambda: pauses.append(1)) == redact(text)
    assert len(pauses) > 3
    assert shared(text + block + text, never) == redact(text + block + text)
