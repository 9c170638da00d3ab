"""The workspace's texts, sorted by what precedes each place, in segments that are built anew.

A segment holds some files. A changed file goes to a new segment, and its former text counts no
more; small segments and those that have lost half of their files are put together now and then. So
a save costs as much as its file, and a search looks into few segments. A segment takes five bytes a
byte of text (UTF-8): the text and one number.
"""

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heapify, heappop, heapreplace
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from inference.comparing import common_prefix
from inference.suffix_array import DEPTH, sort_suffixes

SEGMENT_BYTES: Final = 1 << 21  # no more are put together
_MOST_SMALL: Final = 6  # segments below half of that
_EXAMINED: Final = 4  # places looked at for each that is wanted, where most are out of date
_BEFORE, _BEHIND = 320, 440  # bytes of a place's surroundings
_END: Final = b"\0"

Backwards: TypeAlias = bytes  # UTF-8, the last byte first


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segment:
    """Some files: their texts backwards, each ended by a zero byte, and the order of its places."""

    keys: tuple[str, ...]
    starts: tuple[int, ...]  # of each file in `text`, and where the last one ends
    text: Backwards
    order: memoryview  # int32; a place is where what precedes it begins in `text`

    @classmethod
    def of(cls, files: Mapping[str, Backwards], pause: Callable[[], None]) -> "Segment":
        """Sort the places of some files.

        Args:
            files: by their keys.
            pause: called now and then.
        """
        text = b"".join(part for file in files.values() for part in (file, _END))
        lengths = [len(file) + 1 for file in files.values()]
        ends = np.cumsum(lengths)
        starts = np.concatenate([[0], ends])
        order = sort_suffixes(text, pause)
        # Behind the last character there is nothing to foretell, and none is cut in two.
        inside = np.ones(len(text), dtype=np.bool_)
        inside[starts[:-1]] = False
        bytes_of = np.frombuffer(text, dtype=np.uint8)
        inside[1:] &= (bytes_of[:-1] & 0xC0) != 0x80  # noqa: PLR2004 - UTF-8's inner bytes
        inside[ends - 1] = False
        return cls(
            keys=tuple(files),
            starts=tuple(starts.tolist()),
            text=text,
            order=order[inside[order]].data,
        )

    def files(self, owners: Mapping[str, "Segment"]) -> dict[str, Backwards]:
        """Return the files that it owns."""
        return {
            key: self.text[start : end - 1]
            for key, start, end in zip(self.keys, self.starts, self.starts[1:], strict=False)
            if owners.get(key) is self
        }

    def size_of(self, owners: Mapping[str, "Segment"]) -> int:
        """Return the bytes of the files that it owns."""
        return sum(
            end - start
            for key, start, end in zip(self.keys, self.starts, self.starts[1:], strict=False)
            if owners.get(key) is self
        )

    def slot(self, needle: Backwards) -> int:
        """Return where in `order` a text would stand: its neighbours share most with it."""
        text, count = self.text, len(needle)
        return bisect_left(self.order, needle, key=lambda place: text[place : place + count])

    def file(self, place: int) -> int:
        """Return the number of the file that a place is in."""
        return bisect_right(self.starts, place) - 1

    def around(self, place: int) -> tuple[str, str]:
        """Return what stands before and behind a place, a few hundred characters."""
        number = self.file(place)
        before = self.text[place : min(place + _BEFORE, self.starts[number + 1] - 1)]
        behind = self.text[max(place - _BEHIND, self.starts[number]) : place]
        return before[::-1].decode("utf-8", "ignore"), behind[::-1].decode("utf-8", "ignore")


class Hit(NamedTuple):
    """A place of a view."""

    segment: int
    place: int  # see `Segment.order`
    near: bool


class _Neighbour(NamedTuple):
    """The next place of a segment in one direction; those that share most sort first."""

    minus_shared: int
    segment: int
    slot: int
    step: int
    place: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WorkspaceView:
    """The index at one moment, as one document may see it."""

    segments: tuple[Segment, ...] = ()
    owners: Mapping[str, Segment] = field(default_factory=dict)  # of each key's present text
    hidden: frozenset[str] = frozenset()  # keys of files that are matched otherwise, or not at all
    near: frozenset[str] = frozenset()  # keys of files that count as near, and so do
    folder: str = ""  # those of this folder, the part of a key before its last "/"

    def longest(self, before: str, least: str, most: int) -> list[Hit]:
        """Return places, those first that share most with a text, among equals the near ones.

        Args:
            before: what should precede them; its last characters count.
            least: the end of it that must precede them.
            most: no more places.
        """
        needle = backwards(before[-DEPTH:])[:DEPTH]
        length = len(backwards(least))
        if not 0 < length <= len(needle):
            return []
        heap: list[_Neighbour] = []
        for number, segment in enumerate(self.segments):
            slot = segment.slot(needle)
            heap += self._neighbour(needle, length, number, slot - 1, -1)
            heap += self._neighbour(needle, length, number, slot, 1)
        heapify(heap)
        found: list[tuple[int, bool, Hit]] = []
        for _ in range(_EXAMINED * most):
            if not heap or len(found) >= most:
                break
            shared, number, slot, step, place = heap[0]
            hit = self._hit(number, place)
            if hit is not None:
                found.append((shared, not hit.near, hit))
            following = self._neighbour(needle, length, number, slot + step, step)
            if following:
                heapreplace(heap, following[0])
            else:
                heappop(heap)
        found.sort(key=lambda entry: entry[:2])
        return [hit for _, _, hit in found]

    def files(self) -> Iterator[str]:
        """Yield the keys of the files that may be seen."""
        return (key for key in self.owners if key not in self.hidden)

    def text(self, key: str) -> str:
        """Return the text of one of `files`."""
        segment = self.owners[key]
        number = segment.keys.index(key)
        start, end = segment.starts[number], segment.starts[number + 1] - 1
        return segment.text[start:end][::-1].decode("utf-8", "replace")

    def _neighbour(
        self, needle: Backwards, least: int, number: int, slot: int, step: int
    ) -> list["_Neighbour"]:
        """Return the place in a slot, if there is one that shares enough."""
        segment = self.segments[number]
        if not 0 <= slot < len(segment.order):
            return []
        place = segment.order[slot]
        shared = common_prefix(needle, segment.text[place : place + len(needle)])
        return [_Neighbour(-shared, number, slot, step, place)] if shared >= least else []

    def _hit(self, number: int, place: int) -> Hit | None:
        segment = self.segments[number]
        key = segment.keys[segment.file(place)]
        if key in self.hidden or self.owners.get(key) is not segment:
            return None
        near = key in self.near or key.rpartition("/")[0] == self.folder
        return Hit(number, place, near)


class WorkspaceIndex:
    """The present text of every file; readers take views and never wait, writers take turns."""

    def __init__(self, pause: Callable[[], None] = lambda: None) -> None:
        """Start empty.

        Args:
            pause: called now and then while segments are built, by the thread that does so.
        """
        self._pause = pause
        self._writing = threading.Lock()
        self._now = WorkspaceView()

    def view(
        self,
        *,
        hidden: Iterable[str] = (),
        near: Iterable[str] = (),
        folder: str = "",
    ) -> WorkspaceView:
        """Return what is in the index now, see `WorkspaceView`."""
        now = self._now
        return WorkspaceView(
            segments=now.segments,
            owners=now.owners,
            hidden=frozenset(hidden),
            near=frozenset(near),
            folder=folder,
        )

    @property
    def keys(self) -> frozenset[str]:
        """The files that are in it."""
        return frozenset(self._now.owners)

    @property
    def nbytes(self) -> int:
        """Bytes of memory, those of files that are out of date included."""
        return sum(len(segment.text) + segment.order.nbytes for segment in self._now.segments)

    def update(self, texts: Mapping[str, str]) -> None:
        """Take over texts by their keys, in place of what these keys had."""
        with self._writing:
            files: dict[str, Backwards] = {}
            total = 0
            for key, text in texts.items():
                file = backwards(text)
                if total and total + len(file) > SEGMENT_BYTES:
                    self._add(files)
                    files, total = {}, 0
                files[key] = file
                total += len(file) + 1
            if files:
                self._add(files)
            self._tidy()

    def remove(self, keys: Iterable[str]) -> None:
        """Forget files."""
        with self._writing:
            gone = self._now.owners.keys() & set(keys)
            if gone:
                owners = {k: owner for k, owner in self._now.owners.items() if k not in gone}
                self._publish(self._now.segments, owners)
                self._tidy()

    def _add(self, files: dict[str, Backwards]) -> None:
        segment = Segment.of(files, self._pause)
        owners = {**self._now.owners, **dict.fromkeys(files, segment)}
        self._publish((*self._now.segments, segment), owners)

    def _publish(self, segments: tuple[Segment, ...], owners: Mapping[str, Segment]) -> None:
        self._now = WorkspaceView(segments=segments, owners=owners)

    def _tidy(self) -> None:
        """Put small segments together, and those anew that have lost half of their text."""
        owners = self._now.owners
        kept, wasteful, small = [], [], []
        for segment in self._now.segments:
            size = segment.size_of(owners)
            if size:
                kept.append(segment)
            if 0 < 2 * size < len(segment.text):
                wasteful.append((size, segment))
            elif 0 < 2 * size < SEGMENT_BYTES:
                small.append((size, segment))
        small.sort(key=lambda entry: entry[0])
        joined: dict[str, Backwards] = {}
        total = 0
        for size, segment in wasteful + (small if len(small) > _MOST_SMALL else []):
            if not total or total + size <= SEGMENT_BYTES:
                total += size
                joined |= segment.files(owners)
                kept.remove(segment)
        if joined:
            new = Segment.of(joined, self._pause)
            self._publish((*kept, new), {**owners, **dict.fromkeys(joined, new)})
        elif len(kept) < len(self._now.segments):
            self._publish(tuple(kept), owners)


def backwards(text: str) -> Backwards:
    """Return a text as the index has it."""
    return text.replace("\0", " ").encode("utf-8", "replace")[::-1]
