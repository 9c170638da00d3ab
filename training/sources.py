"""Finds out what a folder of code is: its name, its version and its licence."""

import json
import re
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path

from training.errors import CorpusError

PERMISSIVE = frozenset(
    {"MIT", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "PSF-2.0", "ISC", "0BSD"}
)
"""SPDX names whose code may be trained on."""

# The project's own held-out repositories: they are measured on and never trained on.
HELD_OUT = frozenset({"anyio", "cattrs", "discord.py", "werkzeug", "thealgorithms/python"})

_LICENCE_FILES = re.compile(r"(licen[cs]e|copying|copyright)[^/]*$", re.IGNORECASE)
_COPYLEFT = re.compile(
    r"^\s*(gnu\s+(lesser |affero |library )?general public license|mozilla public license|"
    r"eclipse public license|server side public license|business source license)",
    re.IGNORECASE | re.MULTILINE,
)
# In order: a text may quote another licence, so the most telling phrase comes first.
_PHRASES: tuple[tuple[str, str], ...] = (
    ("python software foundation license version 2", "PSF-2.0"),
    ("apache license version 2.0", "Apache-2.0"),
    ("permission is hereby granted, free of charge", "MIT"),
    ("permission to use, copy, modify, and/or distribute this software for any", "ISC"),
    ("permission to use, copy, modify, and distribute this software for any", "ISC"),
)
_BSD = "redistribution and use in source and binary forms"
_CLASSIFIERS: dict[str, str] = {
    "MIT License": "MIT",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "Python Software Foundation License": "PSF-2.0",
    "ISC License (ISCL)": "ISC",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One project whose files may enter the corpus."""

    name: str
    version: str
    licence: str
    url: str
    root: Path
    files: tuple[Path, ...] | None = None
    """Relative paths when the source is a part of `root` (an installed package), else None."""

    @property
    def held_out(self) -> bool:
        """Whether this project is measured on, so that training never sees it."""
        name = self.name.lower()
        return name in HELD_OUT or name.rsplit("/", 1)[-1] in HELD_OUT


def licence_of_text(text: str) -> str | None:
    """Names the SPDX licence of a licence text; None for copyleft and for unknown ones."""
    flat = re.sub(r"[\s*#]+", " ", text).lower()
    if _PHRASES[0][0] in flat:
        return "PSF-2.0"  # its history section names the GPL, which does not apply
    if _COPYLEFT.search(text):
        return None
    flat = flat.replace("apache license, version 2.0", "apache license version 2.0")
    for phrase, spdx in _PHRASES:
        if phrase in flat:
            return spdx
    if _BSD in flat:
        third = "neither the name" in flat or "names of its contributors" in flat
        return "BSD-3-Clause" if third else "BSD-2-Clause"
    return None


def licence_of_folder(root: Path) -> str | None:
    """Names the licence of a checkout by the licence files at its top."""
    found: list[str] = []
    for path in sorted(root.iterdir()):
        if path.is_file() and _LICENCE_FILES.search(path.name):
            spdx = licence_of_text(path.read_text(encoding="utf-8", errors="replace"))
            if spdx is not None:
                found.append(spdx)
            elif _COPYLEFT.search(path.read_text(encoding="utf-8", errors="replace")):
                return None
    return found[0] if found else None


def checkout(root: Path) -> Source:
    """Describes one checkout.

    Name, version and url come from a SOURCE.json beside the code where there is one, else from
    the folder's name.

    Raises:
        CorpusError: the folder is missing or its licence is not on the permissive list.
    """
    if not root.is_dir():
        raise CorpusError(f"expected a folder of code, found none at {root}; check the path")
    facts = {"name": root.name, "version": "unknown", "url": ""}
    described = root / "SOURCE.json"
    if described.is_file():
        facts |= json.loads(described.read_text(encoding="utf-8"))
    licence = licence_of_folder(root)
    if licence not in PERMISSIVE:
        raise CorpusError(
            f"{facts['name']}: expected a permissive licence ({', '.join(sorted(PERMISSIVE))}) "
            f"in a LICENSE or COPYING file at the top of {root}, "
            f"found {licence or 'none that is known'}; leave this folder out"
        )
    return Source(
        name=facts["name"],
        version=facts["version"],
        licence=str(licence),
        url=facts["url"],
        root=root,
    )


def standard_library() -> Source:
    """Describes the running interpreter's standard library, without what is installed in it."""
    root = Path(sysconfig.get_paths()["stdlib"])
    skipped = {"site-packages", "dist-packages", "test", "idlelib", "lib2to3", "__pycache__"}
    files = tuple(
        path.relative_to(root)
        for path in sorted(root.rglob("*.py"))
        if not skipped & set(path.relative_to(root).parts)
    )
    return Source(
        name="cpython/Lib",
        version=".".join(map(str, sys.version_info[:3])),
        licence="PSF-2.0",
        url="https://github.com/python/cpython",
        root=root,
        files=files,
    )


def installed(site_packages: Path) -> Iterator[Source | str]:
    """Yields every installed distribution: a source, or a sentence that says why it is left out."""
    for folder in sorted(site_packages.glob("*.dist-info")):
        metadata = folder / "METADATA"
        record = folder / "RECORD"
        if not metadata.is_file() or not record.is_file():
            continue
        headers = HeaderParser().parsestr(metadata.read_text(encoding="utf-8", errors="replace"))
        name, version = headers.get("Name", folder.name), headers.get("Version", "unknown")
        licence = _installed_licence(folder, headers.get("License-Expression"), headers)
        if licence not in PERMISSIVE:
            yield f"{name} {version}: no permissive licence found"
            continue
        files = tuple(
            Path(row.split(",", 1)[0])
            for row in record.read_text(encoding="utf-8", errors="replace").splitlines()
            if row.split(",", 1)[0].endswith(".py") and not row.startswith(("..", "/"))
        )
        yield Source(
            name=name,
            version=version,
            licence=str(licence),
            url=f"https://pypi.org/project/{name}/{version}/",
            root=site_packages,
            files=files,
        )


def _installed_licence(folder: Path, expression: str | None, headers: object) -> str | None:
    if expression is not None:
        parts = re.split(r"\s+(?:AND|OR)\s+|[()]", expression)
        names = [part.strip() for part in parts if part.strip()]
        return names[0] if all(name in PERMISSIVE for name in names) else None
    for path in sorted(folder.rglob("*")):
        if path.is_file() and _LICENCE_FILES.search(path.name):
            spdx = licence_of_text(path.read_text(encoding="utf-8", errors="replace"))
            if spdx is not None:
                return spdx
    get_all = getattr(headers, "get_all", lambda _name: None)
    for line in get_all("Classifier") or ():
        if line.startswith("License ::"):
            return _CLASSIFIERS.get(line.rsplit("::", 1)[-1].strip())
    return None
