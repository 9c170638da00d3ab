"""What a killed run had measured, kept in a file so that the next run goes on from there.

One JSON line an item, appended as soon as it is known. The file's name is a digest of everything
that the results depend on: the model's manifest (which holds the digests of its files), this code,
and the parameters; an item's key is a digest of its own content. So a changed model, program or
item is measured anew, and a larger `--limit` measures only what is missing.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Final, Generic, Self, TypeVar

import evaluation
import inference
import lsp_server.context
import lsp_server.postprocess
import lsp_server.syntax
from evaluation.errors import DataError
from evaluation.progress import Progress
from inference.manifest import MANIFEST_NAME
from inference.ops.library import chosen_kernel, library_path

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_CODE: Final = (
    evaluation,
    inference,
    lsp_server.context,
    lsp_server.postprocess,
    lsp_server.syntax,
)

Item = TypeVar("Item")
Outcome = TypeVar("Outcome", bound="DataclassInstance")


def digest(*parts: str | bytes) -> str:
    """Return a short digest in which the borders of the parts count."""
    state = hashlib.blake2b(digest_size=12)
    for part in parts:
        data = part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass")
        state.update(len(data).to_bytes(8, "little") + data)
    return state.hexdigest()


def model_digest(model: Path) -> str:
    """Return the digest of a model directory that was opened before."""
    return digest((model / MANIFEST_NAME).read_bytes())


def code_digest() -> str:
    """Return the digest of the programs that bring about a result, the operators included.

    Raises:
        OperatorLibraryError: the operators are missing.
    """
    return digest(chosen_kernel(), library_path().read_bytes(), sources_digest(*_CODE))


def sources_digest(*packages: ModuleType) -> str:
    """Return the digest of all modules of some packages."""
    folders = sorted({Path(place) for package in packages for place in package.__path__})
    files = [file for folder in folders for file in sorted(folder.rglob("*.py"))]
    return digest(*(file.read_bytes() for file in files))


def cache_file(benchmark: str, model: Path, parameters: Mapping[str, object]) -> Path:
    """Return where the results of a benchmark with these parameters are kept."""
    name = digest(model_digest(model), code_digest(), json.dumps(parameters, sort_keys=True))
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "mixline" / "eval" / f"{benchmark}-{name}.jsonl"


class ResultCache(Generic[Outcome]):
    """Outcomes by key; a context manager. A line that a kill cut short is measured again."""

    def __init__(self, path: Path, kind: Callable[..., Outcome], *, fresh: bool) -> None:
        """Read what is there.

        Args:
            path: the file, made if missing.
            kind: the dataclass of an outcome.
            fresh: start again from nothing.

        Raises:
            DataError: the folder cannot be written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = path.open("w+b" if fresh else "a+b")
        except OSError as error:
            raise DataError(
                f"expected a writable folder {path.parent} for results, found none"
                f" ({error.strerror}); set XDG_CACHE_HOME"
            ) from error
        self._stream.seek(0)
        lines = self._stream.read().split(b"\n")
        self._known: dict[str, Outcome] = {}
        for line in lines:
            try:
                record = json.loads(line)
                key = record.pop("key")
                self._known[key] = kind(**record)
            except (ValueError, TypeError, KeyError, AttributeError):
                continue
        if lines[-1]:
            self._stream.write(b"\n")

    def get(self, key: str) -> Outcome | None:
        """Return what a former run has measured."""
        return self._known.get(key)

    def put(self, key: str, outcome: Outcome) -> None:
        """Keep an outcome, on disk before this returns."""
        self._known[key] = outcome
        line = json.dumps({"key": key, **asdict(outcome)}) + "\n"
        self._stream.write(line.encode())
        self._stream.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stream.close()


def measure_all(
    items: Sequence[Item],
    *,
    key: Callable[[Item], str],
    measure: Callable[[Item], Outcome],
    cache: ResultCache[Outcome],
    progress: Progress,
    size: Callable[[Item], float] = lambda _: 1.0,
) -> list[Outcome]:
    """Return the outcomes in the order of the items; measure those that no former run had.

    Args:
        items: what is measured one after the other.
        key: an item's digest.
        measure: does the work.
        cache: of former runs.
        progress: told the size of each item.
        size: in the unit that the progress counts.
    """
    outcomes = []
    for item in items:
        name = key(item)
        known = cache.get(name)
        outcome = measure(item) if known is None else known
        if known is None:
            cache.put(name, outcome)
        outcomes.append(outcome)
        progress.advance(size(item), measured=known is None)
    return outcomes
