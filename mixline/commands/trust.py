"""Trust a folder: its own checkers and their configuration may run from now on."""

import argparse
from pathlib import Path

from mixline.usage import EXIT_FAILED, EXIT_OK, UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the folder and what happens to it."""
    parser.add_argument("folder", metavar="DIR", type=Path, nargs="?", help="a workspace folder")
    parser.add_argument("--remove", action="store_true", help="trust it no longer")
    parser.add_argument("--list", action="store_true", help="print the trusted folders")


def run(arguments: argparse.Namespace) -> int:
    """Change the list, or print it."""
    from lsp_server.trust import TrustList

    trusted = TrustList()
    if arguments.list == (arguments.folder is not None) or (arguments.list and arguments.remove):
        raise UsageError("expected a folder to trust, or --list alone; got neither or both")
    if arguments.list:
        print(*trusted.folders(), sep="\n")
        return EXIT_OK
    folder: Path = arguments.folder
    if arguments.remove:
        removed = trusted.remove(folder)
        print(f"{folder.resolve()} is {'trusted no longer' if removed else 'not in the list'}")
        return EXIT_OK if removed else EXIT_FAILED
    if not folder.is_dir():
        raise UsageError(f"expected a folder, got {str(folder)!r}; name one that exists")
    trusted.add(folder)
    print(f"{folder.resolve()} is trusted: checkers and configuration in it may run")
    return EXIT_OK
