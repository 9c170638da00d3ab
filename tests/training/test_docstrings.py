"""Docstrings cut out of functions."""

from random import Random

import pytest

from training.docstrings import docstring_hole

# ruff: noqa: S311 - reproducible, nothing secret

CODE = '''import os


def short(path):
    """Say "é😋" twice."""
    return os.fspath(path) * 2


class Thing:
    """No function."""

    async def method(self):
        """Do it.

        Slowly.
        """
        await self.other()
'''


def test_hole_is_the_docstring() -> None:
    """Prefix, docstring and suffix are the file around one function, characters counted right."""
    found = set()
    for seed in range(20):
        hole = docstring_hole(Random(seed), CODE)
        assert hole is not None
        assert hole.prefix + hole.middle + hole.suffix in CODE
        assert hole.prefix.rstrip(" ").endswith(":\n")
        found.add(hole.middle)

    assert found == {'"""Say "é😋" twice."""', '"""Do it.\n\n        Slowly.\n        """'}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "def f(:\n",
        "x = 1\n",
        'def f():\n    """Only this."""\n',
        "def f():\n    return 1\n",
        'def f():\n    """' + "long " * 200 + '"""\n    return 1\n',
        "x = '\\d'\n\x00",
    ],
)
def test_nothing_to_cut(text: str) -> None:
    """Broken files, files without short docstrings and functions without a body give none."""
    assert docstring_hole(Random(1), text) is None
