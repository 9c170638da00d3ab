"""The `mixline` command: one small file per subcommand, imported only when it is asked for."""

import sys

# Python puts the current folder first for `python -m mixline` and looks for the module then, with
# "-m" as its name: a workspace's `re.py` or `onnxruntime.py` would be imported from here on.
if sys.argv[:1] == ["-m"] and not sys.flags.safe_path and not __file__.startswith(sys.path[0]):
    del sys.path[0]

from importlib.metadata import PackageNotFoundError, version


def mixline_version() -> str:
    """Return the installed version, or `unknown` in a tree that was never installed."""
    try:
        return version("mixline")
    except PackageNotFoundError:
        return "unknown"
