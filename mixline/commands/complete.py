"""Complete one place in a file with the local model and show where the suggestion would stand."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from mixline.location import Location, check_inside, parse_location, read_source, split_lines
from mixline.render import ghost_view
from mixline.usage import EXIT_OK, effort, number_between

if TYPE_CHECKING:
    from lsp_server import CompletionReport


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the place, the model and the sampling."""
    parser.add_argument(
        "location", metavar="FILE:LINE:COL", type=parse_location, help="counted from 1"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--model", metavar="DIR", type=Path, help="model directory")
    parser.add_argument(
        "--max-tokens",
        metavar="N",
        type=number_between(int, 1, 4096),
        default=64,
        help="default 64",
    )
    parser.add_argument(
        "--temperature",
        metavar="T",
        type=number_between(float, 0.0, 1.0),
        default=0.0,
        help="0 (greedy, the default) to 1",
    )
    parser.add_argument(
        "--effort",
        metavar="E",
        type=effort,
        default=1.0,
        help="share of the experts (0.5) or of the router's mass (p0.8) to use per token",
    )


def _show(report: "CompletionReport", lines: list[str], place: Location) -> None:
    if report.text:
        replaced = report.range["end"]["character"] - report.range["start"]["character"]
        print(
            ghost_view(
                lines,
                place.line - 1,
                place.column - 1,
                report.text,
                replaced=replaced,
                colour=sys.stdout.isatty(),
            )
        )
    else:
        print("no suggestion here")
    gate = f"; an editor would not show it: {report.reject_reason}" if report.reject_reason else ""
    print(
        f"\n{report.tokens} tokens in {report.ms_decode:.0f} ms after "
        f"{report.prompt_tokens} prompt tokens in {report.ms_prefill:.0f} ms; "
        f"mean log-probability {report.mean_logprob:.2f}{gate}"
    )


def run(arguments: argparse.Namespace) -> int:
    """Load the model, complete, print."""
    place: Location = arguments.location
    text = read_source(place.file)
    lines = split_lines(text)
    check_inside(place, lines)
    from inference import Engine, Sampling, default_model
    from lsp_server import complete_at

    with Engine.open(arguments.model or default_model()) as engine:
        report = complete_at(
            engine,
            path=place.file,
            text=text,
            line=place.line,
            column=place.column,
            max_tokens=arguments.max_tokens,
            sampling=Sampling(temperature=arguments.temperature),
            effort=arguments.effort,
        )
    if arguments.json:
        print(json.dumps(asdict(report), ensure_ascii=False))
    else:
        _show(report, lines, place)
    return EXIT_OK
