"""What of a model's words is shown."""

import pytest

from lsp_server.docstrings.sentences import description_of, sentence_of, summary_of

SOURCE = "def load_config(path, strict):\n    return read(path, strict)\n"
NAMES = ("load_config", "", "")


def test_one_sentence_is_kept() -> None:
    """Up to its full stop, the closing quotes or the end of the line."""
    wrote = ' Load the config from a path. Then more."""\n\n    x = 1'

    assert summary_of(wrote, SOURCE, NAMES) == "Load the config from a path"


def test_a_summary_is_a_command() -> None:
    """A third person is turned into one; what is none is refused."""
    assert summary_of("Loads the config at a path.", SOURCE, NAMES) == "Load the config at a path"
    assert summary_of("A loader of the config path.", SOURCE, NAMES) is None


@pytest.mark.parametrize(
    "wrote",
    [
        "Write the config to a path.",  # another verb than the name's
        "Load the config path and the config path.",  # repeats itself
        "Load the config from `other_path`.",  # not in the code
        "Load the planets of the galaxy.",  # nothing of it is in the code
        "Load config.",  # too short
        "Load the config <|endoftext|> path.",
        "Load the config path >>> load_config(1)",
        "Загрузить config path strict.",
        "",
    ],
)
def test_what_cannot_be_trusted_is_refused(wrote: str) -> None:
    """Each for its own reason."""
    assert summary_of(wrote, SOURCE, NAMES) is None


def test_a_sentence_must_say_more_than_the_names() -> None:
    """The words of the function's name are no description."""
    assert sentence_of("The load config of config", SOURCE, NAMES) is None


def test_descriptions_claim_nothing_about_code() -> None:
    """That is for the phrases that are made of the code."""
    assert description_of("Path of the strict file to read", SOURCE, ("path",)) is not None
    assert description_of("Passed to `read` as path", SOURCE, ("path",)) is None
