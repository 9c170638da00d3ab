"""`python -m evaluation`: what is measured to build the project, not to use it."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from evaluation.errors import DataError
from inference import MixlineError, default_model


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; a user's mistake prints one sentence and gives 1."""
    parser = argparse.ArgumentParser(prog="python -m evaluation", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    fit = commands.add_parser(
        "fit-workspace", help="Fit how much each place of the workspace counts."
    )
    fit.add_argument("data", type=Path, help="folder of repositories, none of them held out")
    fit.add_argument("--places", type=int, default=2400)
    fit.add_argument("--model", type=Path, help="model directory")
    fit.add_argument("--threads", type=int, default=2)
    fit.set_defaults(run=_fit)
    card = commands.add_parser("card", help="Print the tables of a model card.")
    card.add_argument("model", type=Path, help="model directory")
    card.add_argument("--heldout", type=Path, help="folder of repositories never trained on")
    card.add_argument("--data", type=Path, help="folder of HumanEval-like problems")
    card.add_argument("--corpus", type=Path, help="what the model was trained on")
    card.add_argument("--against", type=Path, help="another export of the same checkpoint")
    card.add_argument("--limit", type=int, help="at most so many of each, to try it out")
    card.add_argument("--threads", type=int, default=2)
    card.set_defaults(run=_card)
    arguments = parser.parse_args(argv)
    try:
        arguments.run(arguments)
    except (DataError, MixlineError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _fit(arguments: argparse.Namespace) -> None:
    from evaluation.fit_workspace import fit, gather, show

    model: Path = arguments.model or default_model()
    print(show(fit(gather(model, arguments.data, arguments.places, arguments.threads))))


def _card(arguments: argparse.Namespace) -> None:
    from evaluation.card import CardOptions, sections

    options = CardOptions(
        model=arguments.model,
        threads=arguments.threads,
        heldout=arguments.heldout,
        data=arguments.data,
        corpus=arguments.corpus,
        against=arguments.against,
        limit=arguments.limit,
    )
    for heading, measure in sections(options):
        print(f"## {heading}\n\n{measure()}\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
