"""How often the workspace expert foretells the next token, by match length and agreement.

    python benchmarks/workspace_match.py MODEL_OR_TOKENIZER FOLDER... [--positions 3000]

Each folder is a workspace. At random positions of its files (half at the first character of a line,
half inside one) the rest of the line is hidden, everything else of the file and the other files
(the nearest ones first, up to 1 MB) are the references, and the hidden tokens are walked through:
what did the expert expect before each, with which match length and support, and was it right?
The table of `inference/workspace_expert.py` comes from its output.
"""

import argparse
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from inference.request import CompletionRequest, Reference
from inference.tokenizer import Tokenizer
from inference.workspace_expert import WorkspaceExpert, length_row, support_column

MAX_REFERENCES = 1_000_000  # characters
MIN_LINES = 30


@dataclass
class Score:
    """Hits and trials per cell, and what a step costs."""

    tried: Counter[tuple[int, int]] = field(default_factory=Counter)
    hit: Counter[tuple[int, int]] = field(default_factory=Counter)
    tokens: int = 0
    lines: int = 0
    lines_right: int = 0
    step_ms: list[float] = field(default_factory=list)  # of CPU time


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("tokenizer", type=Path, help="model directory or tokenizer.json")
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--positions", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    path = arguments.tokenizer
    tokenizer = Tokenizer.open(path / "tokenizer.json" if path.is_dir() else path)
    rng = random.Random(arguments.seed)  # noqa: S311 - a reproducible sample, nothing secret
    workspaces = [files for folder in arguments.folders if (files := read_workspace(folder))]
    if not workspaces:
        parser.error(f"expected Python files of {MIN_LINES} lines or more, found none")
    score = Score()
    for number in range(arguments.positions):
        files = rng.choice(workspaces)
        walk(files, rng.choice(sorted(files)), tokenizer, score, rng, at_start=number % 2 == 0)
    report(score, as_json=arguments.json)


def read_workspace(folder: Path) -> dict[Path, str]:
    """Return the Python files of a folder that are long enough to have a middle."""
    texts = {
        path: path.read_text(encoding="utf-8", errors="replace")
        for path in sorted(folder.rglob("*.py"))
    }
    return {path: text for path, text in texts.items() if text.count("\n") >= MIN_LINES}


def walk(
    files: dict[Path, str],
    path: Path,
    tokenizer: Tokenizer,
    score: Score,
    rng: random.Random,
    *,
    at_start: bool,
) -> None:
    """Hide the rest of one line and walk through it."""
    text = files[path]
    lines = text.splitlines(keepends=True)
    number = rng.choice([index for index, line in enumerate(lines) if line.strip()])
    line = lines[number]
    indented = len(line) - len(line.lstrip())
    column = indented if at_start else rng.randrange(indented, len(line.rstrip()))
    prefix = "".join(lines[:number]) + line[:column]
    hidden = line[column:]
    request = CompletionRequest(
        document=str(path),
        path=path.name,
        prefix=prefix,
        suffix="\n" + "".join(lines[number + 1 :]),
        references=tuple(nearest(files, path)),
    )
    started = time.thread_time()
    expert = WorkspaceExpert(request, tokenizer.encode, None)
    score.step_ms.append((time.thread_time() - started) * 1e3)
    right = True
    written = ""
    for token in tokenizer.encode(hidden):
        hint = expert.hint()
        score.tokens += 1
        if hint is not None and expert.draft is not None:
            matched = expert.draft.length + expert.offset
            support = expert.draft.support(expert.offset)
            cell = (length_row(matched), support_column(*support))
            score.tried[cell] += 1
            score.hit[cell] += hint.token == token
        right = right and hint is not None and hint.token == token
        piece = tokenizer.decode([token])
        written += piece
        started = time.thread_time()
        expert.advance(token, piece, written)
        score.step_ms.append((time.thread_time() - started) * 1e3)
    score.lines += 1
    score.lines_right += right


def nearest(files: dict[Path, str], path: Path) -> list[Reference]:
    """Return the other files, those of the same folder first, up to a megabyte."""
    left = MAX_REFERENCES
    references = []
    for other in sorted(files, key=lambda other: (other.parent != path.parent, str(other))):
        if other != path and len(files[other]) <= left:
            left -= len(files[other])
            references.append(Reference(key=str(other), version=0, text=files[other]))
    return references


def report(score: Score, *, as_json: bool) -> None:
    """Print the share of right hints per cell, coverage, and the cost of a step."""
    steps = sorted(score.step_ms)
    cells = [
        {"row": row, "column": column, "n": n, "right": score.hit[row, column] / n}
        for (row, column), n in sorted(score.tried.items())
    ]
    summary = {
        "positions": score.lines,
        "lines_right": score.lines_right / score.lines,
        "tokens": score.tokens,
        "hinted": sum(score.tried.values()) / score.tokens,
        "hints_right": sum(score.hit.values()) / sum(score.tried.values()),
        "step_ms_mean": sum(steps) / len(steps),
        "step_ms_p50": steps[len(steps) // 2],
        "step_ms_p99": steps[len(steps) * 99 // 100],
        "step_ms_max": steps[-1],
    }
    if as_json:
        print(json.dumps({**summary, "cells": cells}))
        return
    for name, value in summary.items():
        print(f"{name:14} {value:.3f}" if isinstance(value, float) else f"{name:14} {value}")
    for cell in cells:
        print("row {row} column {column}  n {n:6}  right {right:.3f}".format(**cell))


if __name__ == "__main__":
    main()
