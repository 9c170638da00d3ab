"""The workspace expert without a network."""

from pathlib import Path

import pytest

from evaluation.workspace_alone import WorkspaceAlone
from inference import CompletionRequest, Reference


@pytest.fixture(scope="module")
def alone(tiny_model: Path) -> WorkspaceAlone:
    """Return the expert with the tokens of a tiny model."""
    return WorkspaceAlone.of(tiny_model)


def ask(prefix: str, text: str) -> CompletionRequest:
    """Return a request with another file open."""
    other = Reference(key="other", version=0, text=text)
    return CompletionRequest(
        document="d", path="d", prefix=prefix, suffix="\n", references=(other,)
    )


def test_the_line_is_written_to_its_end(alone: WorkspaceAlone) -> None:
    """And no further."""
    text = "connection = open_connection(host, port)\nanother = 1\n"

    assert alone.complete(ask("connection = open", text)) == "_connection(host, port)"


def test_no_match_is_an_empty_answer(alone: WorkspaceAlone) -> None:
    """The expert alone may have nothing to say."""
    assert alone.complete(ask("unheard_of(", "x = 1\n")) == ""
