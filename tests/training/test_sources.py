"""Names, versions and licences of folders of code."""

import json
from pathlib import Path

import pytest

from training.errors import CorpusError
from training.sources import (
    Source,
    checkout,
    installed,
    licence_of_text,
    standard_library,
)

MIT = "Permission is hereby granted, free of charge, to any person"
BSD = "Redistribution and use in source and binary forms, with or without modification"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MIT, "MIT"),
        ("Apache License\n   Version 2.0, January 2004", "Apache-2.0"),
        ("Licensed under the Apache License, Version 2.0", "Apache-2.0"),
        (BSD, "BSD-2-Clause"),
        (f"{BSD}\n * Neither the name of the\n * project", "BSD-3-Clause"),
        ("PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2 ... GPL-compatible", "PSF-2.0"),
        ("Permission to use, copy, modify, and/or distribute this software for any", "ISC"),
        ("   GNU GENERAL PUBLIC LICENSE\n   Version 3", None),
        (f"GNU LESSER GENERAL PUBLIC LICENSE\n{MIT}", None),
        ("All rights reserved. You may look at it.", None),
    ],
)
def test_licence_of_text(text: str, expected: str | None) -> None:
    """Permissive licences are told apart; copyleft and unknown ones are refused."""
    assert licence_of_text(text) == expected


def test_checkout_takes_name_and_version_from_its_description(tmp_path: Path) -> None:
    """SOURCE.json says what a folder is."""
    (tmp_path / "LICENSE.txt").write_text(MIT)
    facts = {"name": "a/b", "version": "1.2", "url": "https://example.org"}
    (tmp_path / "SOURCE.json").write_text(json.dumps(facts))

    source = checkout(tmp_path)

    assert (source.name, source.version, source.licence) == ("a/b", "1.2", "MIT")


def test_checkout_without_licence_is_refused(tmp_path: Path) -> None:
    """Code that nobody allowed to use stays out, and the sentence says what was expected."""
    with pytest.raises(CorpusError, match="expected a permissive licence"):
        checkout(tmp_path)


def test_missing_checkout_is_refused(tmp_path: Path) -> None:
    """A wrong path is named."""
    with pytest.raises(CorpusError, match="nowhere"):
        checkout(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "held_out"),
    [
        ("agronholm/anyio", True),
        ("cattrs", True),
        ("Rapptz/discord.py", True),
        ("TheAlgorithms/Python", True),
        ("pallets/werkzeug", True),
        ("pallets/flask", False),
        ("someone/Python", False),
    ],
)
def test_held_out(name: str, held_out: bool) -> None:
    """The project's own held-out repositories are known by any form of their name."""
    source = Source(name=name, version="", licence="MIT", url="", root=Path())

    assert source.held_out is held_out


def test_standard_library_has_neither_tests_nor_packages() -> None:
    """Only the library itself counts."""
    files = standard_library().files

    assert files is not None
    assert Path("json/decoder.py") in files
    assert not any({"test", "site-packages"} & set(path.parts) for path in files)


def test_installed_reads_metadata(tmp_path: Path) -> None:
    """Distributions come with their licence; those without a permissive one are named."""
    for name, licence in (("good", "BSD-3-Clause"), ("bad", "GPL-3.0-only")):
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Name: {name}\nVersion: 1.0\nLicense-Expression: {licence}\n"
        )
        (info / "RECORD").write_text(f"{name}/__init__.py,,\n../bin/{name},,\n")

    bad, good = installed(tmp_path)

    assert isinstance(bad, str)
    assert "bad 1.0" in bad
    assert isinstance(good, Source)
    assert good.files == (Path("good/__init__.py"),)
