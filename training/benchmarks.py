"""Knows the functions of public benchmarks by the hashes of their signatures.

`benchmark_signatures.txt` lists one hash for each function that HumanEval (164 tasks), MBPP (974
tasks) or QuixBugs (40 programs) asks for: a model that has seen them cannot be measured with them.
Hashes tell whether a file holds such a function, and carry no text of the benchmarks into the
project.
"""

import ast
import gzip
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

from training.errors import CorpusError

LIST: Final = Path(__file__).with_name("benchmark_signatures.txt")
_SALT: Final = b"mixline benchmark signatures"
_HASH_BYTES: Final = 8
_DEFINITION: Final = re.compile(
    r"^(?P<indent>[ \t]*)(?:async[ \t]+)?def[ \t]+(?P<name>\w+)[ \t]*\(", re.MULTILINE
)
# What a parameter list is made of: a string or a comment (which may hold anything), or a character.
_PIECE: Final = re.compile(
    r'"""(?:\\.|.)*?"""'
    r"|'''(?:\\.|.)*?'''"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'(?:\\.|[^'\\\n])*'"
    r"|(?P<comment>\#[^\n]*)|.",
    re.DOTALL,
)
_PARAMETER: Final = re.compile(r"\s*\**(\w+)")


def signatures(text: str, *, top_level: bool = False) -> frozenset[str]:
    """Collect `name(parameter,parameter)` of the Python functions in a text.

    Types, defaults, stars, `self` and `cls` are left out, so that a copy that was made a method or
    got annotations is known again. The text need not be complete, nor parse.

    Args:
        text: of a file.
        top_level: leave out what is indented: methods and functions in functions.
    """
    found = set()
    for match in _DEFINITION.finditer(text):
        if top_level and match["indent"]:
            continue
        names = [
            name[1] for part in _parameters(text, match.end()) if (name := _PARAMETER.match(part))
        ]
        if names and names[0] in {"self", "cls"}:
            del names[0]
        found.add(f"{match['name']}({','.join(names)})")
    return frozenset(found)


def _parameters(text: str, start: int) -> Iterator[str]:
    """Cut a parameter list, which begins at `start`, at its outermost commas."""
    depth, part = 1, ""
    for match in _PIECE.finditer(text, start):
        piece = match[0]
        if match["comment"] is not None:
            continue
        if piece in "([{":
            depth += 1
        elif piece in ")]}":
            depth -= 1
            if depth == 0:
                break
        if piece == "," and depth == 1:
            yield part
            part = ""
        else:
            part += piece
    yield part


def hashed(signature: str) -> str:
    """16 hexadecimal digits."""
    digest = hashlib.blake2b(signature.encode(), digest_size=_HASH_BYTES, key=_SALT)
    return digest.hexdigest()


@cache
def listed() -> frozenset[str]:
    """The hashes that come with the project."""
    return frozenset(LIST.read_text("ascii").split())


def holds_benchmark(text: str, hashes: frozenset[str]) -> bool:
    """Say whether a text defines a function with one of the signatures."""
    return any(hashed(signature) in hashes for signature in signatures(text))


def benchmark_hashes(paths: Iterable[Path]) -> frozenset[str]:
    """Read the functions that benchmarks ask for.

    Args:
        paths: JSON lines (.gz or not) of tasks with a `prompt` (as HumanEval) or with `code` and
            `test_list` (as MBPP, where only what the tests call counts); or a program (.py), whose
            functions at the top level all count (as QuixBugs).

    Raises:
        CorpusError: a file is none of these.
    """
    found: set[str] = set()
    for path in paths:
        try:
            for text, called in _programs(path):
                found |= {
                    hashed(signature)
                    for signature in signatures(text, top_level=True)
                    if called is None or signature.partition("(")[0] in called
                }
        except (OSError, ValueError, KeyError, TypeError, SyntaxError) as error:
            raise CorpusError(
                f"{path}: expected JSON lines with `prompt`, or `code` and `test_list`, or a"
                f" Python program, found: {error!r}"
            ) from error
    return frozenset(found)


def _programs(path: Path) -> Iterator[tuple[str, set[str] | None]]:
    """Yield texts, and the names that their tests call where only these count."""
    if path.suffix == ".py":
        yield path.read_text("utf-8"), None
        return
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as stream:
        for row in stream:
            task: dict[str, Any] = json.loads(row)
            if "prompt" in task:
                yield task["prompt"] + task.get("suffix", ""), None
            else:
                yield task["code"], _called("\n".join(task["test_list"]))


def _called(tests: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(tests)) if isinstance(node, ast.Name)}
