"""The list of trusted folders."""

import stat
from pathlib import Path

import pytest

from lsp_server.trust import TrustError, TrustList


def test_a_folder_and_what_lies_below(tmp_path: Path) -> None:
    """Links are resolved; neighbours and names that only begin alike are not trusted."""
    folder = tmp_path / "project"
    (folder / "inside").mkdir(parents=True)
    (tmp_path / "project2").mkdir()
    (tmp_path / "link").symlink_to(folder)
    trusted = TrustList(tmp_path / "state")
    trusted.add(tmp_path / "link")

    assert trusted.folders() == (folder,)
    assert trusted.trusts(folder)
    assert trusted.trusts(folder / "inside")
    assert trusted.trusts(tmp_path / "link")
    assert not trusted.trusts(tmp_path)
    assert not trusted.trusts(tmp_path / "project2")
    assert stat.S_IMODE((tmp_path / "state" / "trusted.json").stat().st_mode) == 0o600


def test_trust_ends(tmp_path: Path) -> None:
    """Removing tells whether there was anything to remove."""
    trusted = TrustList(tmp_path / "state")
    trusted.add(tmp_path)

    assert trusted.remove(tmp_path)
    assert not trusted.remove(tmp_path)
    assert trusted.folders() == ()
    assert not trusted.trusts(tmp_path)


@pytest.mark.parametrize("text", ["", "{}", "[1]", "[" * 100_000, '"/"'])
def test_a_broken_list_trusts_nobody(tmp_path: Path, text: str) -> None:
    """Whoever asks is told no; whoever wants to change it is told why not."""
    (tmp_path / "trusted.json").write_text(text)
    trusted = TrustList(tmp_path)

    assert not trusted.trusts(Path("/"))
    with pytest.raises(TrustError, match="expected a JSON list"):
        trusted.add(tmp_path)
