"""The `mixline` command: one small file per subcommand, imported only when it is asked for."""

from importlib.metadata import PackageNotFoundError, version


def mixline_version() -> str:
    """Return the installed version, or `unknown` in a tree that was never installed."""
    try:
        return version("mixline")
    except PackageNotFoundError:
        return "unknown"
