"""`mixline trust` as a user meets it."""

import argparse
from pathlib import Path

import pytest

from mixline.commands import trust
from mixline.usage import UsageError


def run(*words: str) -> int:
    """Run the command in this process."""
    parser = argparse.ArgumentParser()
    trust.add_arguments(parser)
    return trust.run(parser.parse_args(words))


def test_trust_and_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Added, listed, removed; removing what is not there is a failure."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "project"
    folder.mkdir()

    assert run(str(folder)) == 0
    assert run("--list") == 0
    assert f"\n{folder}\n" in capsys.readouterr().out
    assert run("--remove", str(folder)) == 0
    assert run("--remove", str(folder)) == 1


@pytest.mark.parametrize("words", [(), ("--list", "."), ("--list", "--remove"), ("nowhere",)])
def test_wrong_usage(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence says what was expected."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="expected a folder"):
        run(*words)
