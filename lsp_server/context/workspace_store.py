"""The index of the workspace with what is known of each file in it; one thread's own."""

from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Final

from inference import WorkspaceIndex
from lsp_server.context.admission import Admission, AdmissionRules, resolved
from lsp_server.context.workspace_files import Stamp, read_shared, stamp_of, walk

MAX_TOTAL_CHARACTERS: Final = 20_000_000
_BATCH_CHARACTERS: Final = 1_000_000


class WorkspaceStore:
    """Keys are paths with links resolved. Readers of `index` may be in other threads."""

    def __init__(self, pause: Callable[[], None]) -> None:
        """Start empty.

        Args:
            pause: called often while there is work; what it raises ends the work.
        """
        self.index = WorkspaceIndex(pause)
        self._pause = pause
        self._stamps: dict[str, Stamp] = {}  # of files that were read
        self._refused: dict[str, Stamp] = {}  # of files that were not
        self._sizes: dict[str, int] = {}  # of all texts in the index, in characters
        self._total = 0

    def put(self, key: str, text: str) -> None:
        """Take a text that is not that of the disk."""
        self._update({key: text})
        self._stamps.pop(key, None)

    def remove(self, keys: Iterable[str]) -> None:
        """Forget texts."""
        known = [key for key in keys if key in self._sizes]
        self.index.remove(known)
        for key in known:
            self._total -= self._sizes.pop(key)
            self._stamps.pop(key, None)

    def readmit(self, rules: AdmissionRules) -> None:
        """Forget what new rules do not let in, and that others did not let in other files."""
        self._refused.clear()
        for key in self.index.keys:
            self._pause()
            if rules.admit_file(Path(key)).admission is not Admission.WORKSPACE:
                self.remove([key])

    def scan(self, folders: Iterable[Path], rules: AdmissionRules, opened: Collection[str]) -> None:
        """Read what is new or has changed in folders, the nearest first; forget what is not there.

        Args:
            folders: links resolved.
            rules: decide on each file.
            opened: keys of open documents, whose files are not read.
        """
        files = sorted(walk(folders, rules, self._pause), key=_distance(list(opened)))
        there = set(map(str, files)) | set(opened)
        self.remove([key for key in self.index.keys if key not in there])
        self._read(files, rules, opened)

    def follow(self, paths: Iterable[Path], rules: AdmissionRules, opened: Collection[str]) -> None:
        """Read files that may have changed; a folder that is gone takes its files along."""
        files = [resolved(path) for path in paths]
        gone = tuple(f"{file}/" for file in files if not file.exists())
        if gone:
            files += [Path(key) for key in self.index.keys if key.startswith(gone)]
        for file in files:
            self._refused.pop(str(file), None)
        self._read(files, rules, opened)

    def _read(self, files: Iterable[Path], rules: AdmissionRules, opened: Collection[str]) -> None:
        batch: dict[str, str] = {}
        waiting = 0  # characters of the batch
        for file in files:
            key = str(file)
            stamp = stamp_of(file)
            known = self._stamps.get(key) or self._refused.get(key)
            if key in opened or (stamp is not None and stamp == known):
                continue
            self._pause()
            text = None if stamp is None else read_shared(file, rules, self._pause)
            if stamp is None or text is None or not self._has_room(key, waiting + len(text)):
                self.remove([key])
                if stamp is not None:
                    self._refused[key] = stamp
                continue
            batch[key] = text
            self._stamps[key] = stamp
            waiting += len(text)
            if waiting > _BATCH_CHARACTERS:
                self._update(batch)
                batch, waiting = {}, 0
        self._update(batch)

    def _has_room(self, key: str, characters: int) -> bool:
        return self._total - self._sizes.get(key, 0) + characters <= MAX_TOTAL_CHARACTERS

    def _update(self, texts: dict[str, str]) -> None:
        self.index.update(texts)
        for key, text in texts.items():
            self._total += len(text) - self._sizes.get(key, 0)
            self._sizes[key] = len(text)


def _distance(opened: Iterable[str]) -> Callable[[Path], tuple[bool, int, str]]:
    """Return what sorts files by how near they are to open documents: same kind, few folders up."""
    paths = [Path(key) for key in opened]
    suffixes = {path.suffix for path in paths}
    steps_to: dict[Path, int] = {}
    for path in paths:
        for steps, folder in enumerate(path.parents):
            steps_to[folder] = min(steps, steps_to.get(folder, steps))

    def distance(file: Path) -> tuple[bool, int, str]:
        down = 0
        for folder in file.parents:
            if folder in steps_to:
                return file.suffix not in suffixes, steps_to[folder] + down, str(file)
            down += 1
        return file.suffix not in suffixes, down, str(file)

    return distance
