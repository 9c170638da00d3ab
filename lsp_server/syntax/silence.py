"""CPython's parser without its warnings, in any thread."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_LOCK = threading.Lock()


@contextmanager
def silenced() -> Iterator[None]:
    """Show no warnings; one thread at a time, since the filters are the whole process's."""
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
