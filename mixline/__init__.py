"""The `mixline` command: one small file per subcommand, imported only when it is asked for."""

import os
import sys

# Python puts the current folder first for `python -m mixline` and looks for the module then, with
# "-m" as its name: a workspace's `re.py` or `onnxruntime.py` would be imported from here on.
# Where the package itself lies there, as in a clone that is not installed, that is what is wanted.
if (
    sys.argv[:1] == ["-m"]
    and not sys.flags.safe_path
    and __path__ != [f"{sys.path[0]}{os.sep}mixline"]
):
    del sys.path[0]

from importlib.metadata import PackageNotFoundError, version


def mixline_version() -> str:
    """Return the installed version, or `unknown` in a tree that was never installed."""
    try:
        return version("mixline")
    except PackageNotFoundError:
        return "unknown"
