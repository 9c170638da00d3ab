"""Say what became of suggestions: shown, accepted, retained, rejected; or delete that history."""

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from mixline.usage import EXIT_OK, UsageError

if TYPE_CHECKING:
    from lsp_server.history.statistics import Figures, Statistics

_PERCENT = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the output and the deletion."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--delete", action="store_true", help="delete the history; servers may go on running"
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{_PERCENT * value:.0f} %"


def _show_figures(figures: "Figures") -> None:
    accepted = ", ".join(f"{kind} {count}" for kind, count in figures.accepted.items())
    others = f"left {figures.left}, withdrawn {figures.withdrawn}, seen too briefly {figures.brief}"
    kept = ", ".join(
        f"{moment} {_share(kept.share)} of {kept.suggestions}"
        for moment, kept in figures.retained.items()
    )
    silent = ", ".join(f"{reason} {count}" for reason, count in figures.silent.items())
    latency = ", ".join(
        f"{name} {'-' if ms is None else format(ms, '.0f')} ms"
        for name, ms in figures.latency_ms.items()
    )
    print(f"  shown      {figures.shown} ({figures.explicit} asked for)")
    print(f"  accepted   {sum(figures.accepted.values())} ({accepted})")
    print(f"  typed      {figures.typed} by hand to the end, {figures.beyond} and beyond")
    print(f"  rejected   {figures.rejected}; {others}")
    print(f"  acceptance {_share(figures.acceptance)} of those accepted, typed or rejected")
    print(f"  retained   {kept}")
    print(f"  characters {figures.characters_accepted} accepted, {figures.characters_saved} saved")
    print(f"  latency    {latency}")
    print(f"  silent     {silent or 'never'}")


def _show(statistics: "Statistics") -> None:
    print(f"since {statistics.since or 'the first suggestion, which is still to come'}")
    _show_figures(statistics.total)
    for language, figures in statistics.languages.items():
        print(language)
        _show_figures(figures)
    for name, own in statistics.personal.items():
        least = own.own_minimum_confidence
        print(
            f"threshold {name}: {least:.2f} in place of {own.minimum_confidence:.2f}; "
            f"verdicts so far: {own.events} (it moves from {own.least_events} on, between "
            f"{own.band[0]:.2f} and {own.band[1]:.2f})"
        )


def run(arguments: argparse.Namespace) -> int:
    """Print the statistics, or delete what they are made of."""
    if arguments.json and arguments.delete:
        raise UsageError("--json and --delete exclude each other; delete first, then look")
    from lsp_server.history.file import HistoryFile
    from lsp_server.history.statistics import read_statistics
    from lsp_server.state_folder import state_folder

    file = HistoryFile(state_folder())
    if arguments.delete:
        removed = file.delete()
        print(f"{file.folder}: {removed} files deleted" if removed else "there was no history")
        return EXIT_OK
    statistics = read_statistics(file)
    if arguments.json:
        print(json.dumps(asdict(statistics)))
    else:
        _show(statistics)
    return EXIT_OK
