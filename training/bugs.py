"""Injects bugs into corpus files and keeps those that the checker (ruff) reports."""

import json
import re
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from training.corpus import Corpus, File
from training.errors import CorpusError

PREFIX_CHARS = 1_800
SUFFIX_CHARS = 900
_BATCH_FILES = 400
_TRIES = 6
_RULES = "F,E7,E9"
_NAME = re.compile(r"(?<![\w.\"'])[A-Za-z_]\w{3,}(?=[\s.,()\[\]:]|$)")
_HEADER = re.compile(r"\s*(def|class|if|elif|else|for|while|with|try|except|finally)\b.*:$")
_BRACKETS = re.compile(r"[)\]}]")

Injection = Callable[[Random, str], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A file with one line made wrong."""

    file: File
    lines: tuple[str, ...]
    """The correct file."""
    number: int
    """Index of the line, from 0."""
    faulty: str


def misspell_name(rng: Random, line: str) -> str | None:
    """Swaps, drops or doubles a letter of a name."""
    found = list(_NAME.finditer(line))
    if not found:
        return None
    match = rng.choice(found)
    name = match[0]
    place = rng.randrange(len(name) - 1)
    wrong = rng.choice(
        (
            name[:place] + name[place + 1] + name[place] + name[place + 2 :],
            name[:place] + name[place + 1 :],
            name[: place + 1] + name[place:],
        )
    )
    return line[: match.start()] + wrong + line[match.end() :] if wrong != name else None


def drop_colon(_rng: Random, line: str) -> str | None:
    """Removes the colon of a block header."""
    return line.rstrip()[:-1] if _HEADER.match(line.rstrip()) else None


def drop_bracket(rng: Random, line: str) -> str | None:
    """Removes one closing bracket."""
    found = list(_BRACKETS.finditer(line))
    if not found:
        return None
    place = rng.choice(found).start()
    return line[:place] + line[place + 1 :]


def compare_with_none(_rng: Random, line: str) -> str | None:
    """Compares with None by == or !=."""
    if " is not None" in line:
        return line.replace(" is not None", " != None", 1)
    return line.replace(" is None", " == None", 1) if " is None" in line else None


def drop_import(_rng: Random, line: str) -> str | None:
    """Removes an import from its line, so that a name is undefined further down."""
    plain = re.fullmatch(r"(import \w+|from [\w.]+ import \w+)", line)
    return "" if plain else None


INJECTIONS: tuple[tuple[Injection, int], ...] = (
    (misspell_name, 50),
    (drop_colon, 14),
    (drop_bracket, 18),
    (compare_with_none, 6),
    (drop_import, 12),
)
"""Kinds of bugs and how often each is tried."""


def break_file(rng: Random, file: File, text: str) -> Broken | None:
    """Makes one line of a file wrong; None when no injection fits."""
    lines = tuple(text.split("\n"))
    for _ in range(_TRIES):
        (inject,) = rng.choices(
            [kind for kind, _ in INJECTIONS], weights=[weight for _, weight in INJECTIONS]
        )
        candidates = [
            number
            for number, line in enumerate(lines)
            if line.strip() and not line.lstrip().startswith(("#", '"""', "'''"))
        ]
        if inject is drop_import:
            candidates = [
                number for number in candidates if lines[number].startswith(("import", "from"))
            ]
        for number in rng.sample(candidates, min(len(candidates), 12)):
            faulty = inject(rng, lines[number])
            if faulty is not None and faulty != lines[number]:
                return Broken(file=file, lines=lines, number=number, faulty=faulty)
    return None


def diagnostics(folder: Path) -> dict[str, list[tuple[int, str]]]:
    """Runs ruff over a folder: file name to (line from 0, "CODE message").

    Raises:
        CorpusError: ruff is not installed or fails.
    """
    # The one installed beside this interpreter first: its folder is not always on PATH.
    ruff = shutil.which("ruff", path=sysconfig.get_path("scripts")) or shutil.which("ruff")
    if ruff is None:
        raise CorpusError("expected ruff beside Python or on PATH, found none; `pip install ruff`")
    done = subprocess.run(  # noqa: S603 - our own arguments, the configuration of no folder
        [
            *(ruff, "check", "--isolated", "--no-cache", "--quiet", "--select", _RULES),
            *("--ignore-noqa", "--output-format", "json", str(folder)),
        ],
        capture_output=True,
        check=False,
        text=True,
    )
    if done.returncode > 1:
        raise CorpusError(f"expected ruff to check {folder}, it failed: {done.stderr[:300]}")
    found: dict[str, list[tuple[int, str]]] = {}
    for row in json.loads(done.stdout or "[]"):
        code = row["code"] or "invalid-syntax"
        message = f"{code} {row['message'].removeprefix('SyntaxError: ')}"
        found.setdefault(Path(row["filename"]).name, []).append(
            (row["location"]["row"] - 1, message)
        )
    return found


def reported(
    broken: Broken, before: list[tuple[int, str]], after: list[tuple[int, str]]
) -> str | None:
    """Picks the new diagnostic that the bug caused; None when the checker does not see it."""
    known = {message for _, message in before}
    new = [(line, message) for line, message in after if message not in known]
    if not new or any("syntax" in message for message in known):
        return None
    if not one_line(broken):
        return new[0][1]  # a removed import is seen where its name is used
    reach = 1 if "syntax" in new[0][1] else 0  # a parser often notices on the next line
    near = [message for line, message in new if 0 <= line - broken.number <= reach]
    return near[0] if near else None


def one_line(broken: Broken) -> bool:
    """Says whether the faulty line still holds something."""
    return bool(broken.faulty.strip())


def inject(corpus: Corpus, *, count: int, seed: int) -> Iterator[dict[str, str]]:
    """Yields `count` bugs as rows for `training.fixes`, from the training split alone.

    Fewer when the files run out: each file is broken at most eight times.
    """
    rng = Random(seed)  # noqa: S311 - reproducible, not secret
    files = [file for file in corpus.files if file.split == "train" and file.path.endswith(".py")]
    queue = [file for _ in range(8) for file in rng.sample(files, len(files))]
    found = 0
    for first in range(0, len(queue), _BATCH_FILES):
        for row in _batch(rng, corpus, queue[first : first + _BATCH_FILES]):
            yield row
            found += 1
            if found == count:
                return


def _batch(rng: Random, corpus: Corpus, files: list[File]) -> list[dict[str, str]]:
    broken = {
        index: one
        for index, file in enumerate(files)
        if (one := break_file(rng, file, corpus.read(file))) is not None
    }
    with tempfile.TemporaryDirectory(prefix="mixline-bugs-") as name:
        folder = Path(name)
        for index, one in broken.items():
            wrong = [*one.lines[: one.number], one.faulty, *one.lines[one.number + 1 :]]
            (folder / f"{index}_right.py").write_text("\n".join(one.lines), encoding="utf-8")
            (folder / f"{index}_wrong.py").write_text("\n".join(wrong), encoding="utf-8")
        found = diagnostics(folder)
    rows = []
    for index, one in broken.items():
        message = reported(
            one, found.get(f"{index}_right.py", []), found.get(f"{index}_wrong.py", [])
        )
        if message is not None:
            rows.append(_row(one, message))
    return rows


def _row(one: Broken, message: str) -> dict[str, str]:
    prefix = "".join(f"{line}\n" for line in one.lines[: one.number])
    suffix = "".join(f"\n{line}" for line in one.lines[one.number + 1 :])
    if len(prefix) > PREFIX_CHARS:
        prefix = prefix[prefix.find("\n", len(prefix) - PREFIX_CHARS) + 1 :]
    return {
        "path": one.file.path,
        "diagnostic": message,
        "faulty": one.faulty,
        "prefix": prefix,
        "middle": one.lines[one.number],
        "suffix": suffix[: suffix.rfind("\n", 0, SUFFIX_CHARS) + 1] or suffix[:SUFFIX_CHARS],
    }


def write(corpus: Corpus, out: Path, *, count: int, seed: int) -> int:
    """Writes the bugs as JSON lines and returns how many there are."""
    out.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with out.open("w", encoding="utf-8") as stream:
        for row in inject(corpus, count=count, seed=seed):
            stream.write(json.dumps(row) + "\n")
            written += 1
    return written
