"""The list of trusted folders."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from inference import MixlineError
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
    """It is set aside as soon as somebody wants to change it, and a new one begun."""
    (tmp_path / "trusted.json").write_text(text)
    trusted = TrustList(tmp_path)

    assert not trusted.trusts(Path("/"))
    with pytest.raises(TrustError, match="expected a JSON list"):
        trusted.folders()
    trusted.add(tmp_path)
    assert trusted.folders() == (tmp_path,)
    assert (tmp_path / "trusted.json.damaged").read_text() == text


def test_two_that_trust_at_once_both_do(tmp_path: Path) -> None:
    """Each used to read the list, and the later one wrote over what the earlier had added."""
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from lsp_server.trust import TrustList\n"
        "for number in range(50):\n"
        "    TrustList(Path(sys.argv[1])).add(Path(f'/{sys.argv[2]}/{number}'))\n"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), name])
        for name in ("left", "right")
    ]

    assert [process.wait(60) for process in both] == [0, 0]
    assert len(TrustList(tmp_path).folders()) == 100


def test_a_home_that_is_nowhere_is_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative one would be in whatever folder somebody happens to be, a workspace perhaps."""
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", "somewhere")

    with pytest.raises(MixlineError, match="expected a home folder"):
        TrustList().folders()
    assert not TrustList().trusts(Path("/"))
