"""Entry point of `mixline` and `python -m mixline`: picks the subcommand, maps errors."""

import argparse
import importlib
import io
import sys
from collections.abc import Sequence

from inference.errors import MixlineError, OutOfMemoryError
from mixline import mixline_version
from mixline.usage import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE, OneSentenceParser, UsageError

# Name -> one line of help, in the order of a first day with the program.
COMMANDS = {
    "serve": "run the language server (stdio is the default)",
    "complete": "complete one place in a file",
    "fix": "fix what checkers complain of, and prove it",
    "explain": "say what failed in a stack trace, with fixes for the line",
    "docstring": "write the docstring at a line, or all that a folder lacks",
    "trust": "let the checkers of a workspace run",
    "stats": "what became of suggestions: accepted, retained, rejected",
    "doctor": "versions, provider, kernel, model, memory, and what is missing",
    "inspect": "parameters, memory and expected speed of a checkpoint or a model",
    "export": "turn a Hugging Face checkpoint into a model directory",
    "finetune": "adapt a model directory to a code base",
    "bench": "measure the operators or decoding on this machine",
    "eval": "measure how good a model is: infilling, humaneval, next-line, fixes, bits",
}


def _overview() -> OneSentenceParser:
    listing = "\n".join(f"  {name:<10} {line}" for name, line in COMMANDS.items())
    parser = OneSentenceParser(
        prog="mixline",
        usage="mixline COMMAND ...",
        description="Private, local code assistant for every LSP editor.",
        epilog=f"commands:\n{listing}\n\n'mixline COMMAND --help' explains one.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"mixline {mixline_version()}")
    parser.add_argument("command", help=argparse.SUPPRESS)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0 success, 1 failure, 2 wrong usage."""
    words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a locale may know fewer characters than code has
            stream.reconfigure(errors="backslashreplace")
    if not words or words[0] not in COMMANDS:
        parser = _overview()
        named = parser.parse_args(words[:1] or ["--help"])
        parser.error(f"expected a command ({', '.join(COMMANDS)}), got {named.command!r}")
    name, *rest = words
    try:
        module = importlib.import_module(f"mixline.commands.{name}")
        parser = OneSentenceParser(prog=f"mixline {name}", description=module.__doc__)
        module.add_arguments(parser)
        status: int = module.run(parser.parse_args(rest))
    except UsageError as error:
        print(f"mixline {name}: {error}", file=sys.stderr)
        return EXIT_USAGE
    except MixlineError as error:
        print(f"mixline {name}: {error}", file=sys.stderr)
        return EXIT_FAILED
    except MemoryError:
        print(f"mixline {name}: {OutOfMemoryError('run')}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return status


if __name__ == "__main__":
    sys.exit(main())
