"""Several slots of keys and values under one token budget: which of them serves the next prompt.

A document keeps its slot, so that typing re-uses all but the tail of the former prompt. Somewhere
else in the document, or in another one, a prompt starts in a slot of its own with a copy of the
longest prefix that any slot shares with it (the header of a file, say): who comes back, after an
import was added at the top for instance, finds the former prompt. A document has three slots at
most, and where room is needed the least recently used slot of one that has several goes first, so
that a document in which somebody moves about does not push out the rest.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from inference.comparing import common_prefix
from inference.errors import ContextLengthError
from inference.kv_cache import KvCache, KvShape

_SLOTS_OF_A_DOCUMENT: Final = 3


@dataclass(slots=True, kw_only=True, eq=False)
class Slot:
    """The keys and values of one document's latest prompt at one place."""

    document: str
    kv: KvCache
    last_used: int = 0


class PrefixCache:
    """All slots; used by the engine's worker thread alone."""

    def __init__(
        self,
        shape: KvShape,
        *,
        max_slots: int,
        budget_tokens: int,
        new_cache: Callable[[], KvCache] | None = None,
    ) -> None:
        """Start empty.

        Args:
            shape: of the model.
            max_slots: documents held at once.
            budget_tokens: capacity over all slots.
            new_cache: makes an empty slot; by default one in main memory.

        Raises:
            ContextLengthError: the budget holds not a single token.
        """
        if budget_tokens < 1:
            raise ContextLengthError(
                f"expected a KV budget of at least 1 token, got {budget_tokens};"
                f" one token takes {shape.bytes_per_token} bytes"
            )
        self.shape = shape
        self.budget_tokens = budget_tokens
        self._max_slots = max_slots
        self._new_cache = new_cache or (lambda: KvCache(shape))
        self._slots: list[Slot] = []
        self._clock = 0

    def __iter__(self) -> Iterator[Slot]:
        return iter(list(self._slots))  # other threads count while the worker changes it

    @property
    def held_tokens(self) -> int:
        """Tokens whose keys and values are in memory."""
        return sum(len(slot.kv.tokens) for slot in self)

    @property
    def nbytes(self) -> int:
        """Bytes allocated over all slots."""
        return sum(slot.kv.nbytes for slot in self)

    def clear(self) -> None:
        """Forget everything and free the buffers."""
        self._slots.clear()

    def acquire(self, document: str, prompt: list[int], room: int) -> tuple[Slot, int]:
        """Return a slot for the prompt, rewound to what it shares with it.

        Args:
            document: whose prompt it is.
            prompt: its token ids, at least one.
            room: positions that the prompt and its continuation need.

        Returns:
            The slot, and how many tokens of the prompt it holds; at least one is left to run, for
            its logits.

        Raises:
            ContextLengthError: more room than the context or the budget allows; nothing changes.
        """
        own = self._own(document, prompt)
        source, shared = self._longest_prefix(prompt, own)
        target = own if own is not None else Slot(document=document, kv=self._new_cache())
        capacity = target.kv.capacity_for(room, self.budget_tokens)
        self._clock += 1
        target.last_used = self._clock
        if own is None:
            self._make_place(target)
        self._free(capacity, keep=target)
        target.kv.rewind(shared if source is target.kv else 0)
        target.kv.reserve(room, self.budget_tokens)
        if source is not None and source is not target.kv:
            target.kv.copy_from(source, shared)
        return target, shared

    def _own(self, document: str, prompt: list[int]) -> Slot | None:
        """Return the document's slot for this prompt, None if it should have a new one."""
        slots = [slot for slot in self._slots if slot.document == document]
        if not slots:
            return None
        best = max(slots, key=lambda slot: common_prefix(slot.kv.tokens, prompt))
        if 2 * common_prefix(best.kv.tokens, prompt) >= len(best.kv.tokens):
            return best
        if len(slots) < _SLOTS_OF_A_DOCUMENT:
            return None
        return min(slots, key=lambda slot: slot.last_used)

    def _longest_prefix(self, prompt: list[int], own: Slot | None) -> tuple[KvCache | None, int]:
        """Return what holds most of the prompt, and how much; the document's own slot if equal."""
        source, shared = (
            (None, 0) if own is None else (own.kv, common_prefix(own.kv.tokens, prompt))
        )
        for slot in self._slots:
            held = common_prefix(slot.kv.tokens, prompt)
            if held > shared:
                source, shared = slot.kv, held
        return source, min(shared, len(prompt) - 1)

    def _make_place(self, target: Slot) -> None:
        while len(self._slots) >= self._max_slots:
            self._slots.remove(self._dispensable(self._slots))
        self._slots.append(target)

    def _free(self, capacity: int, *, keep: Slot) -> None:
        """Drop slots until one of `capacity` tokens fits beside the rest."""
        others = [slot for slot in self._slots if slot is not keep]
        while sum(slot.kv.capacity for slot in others) + capacity > self.budget_tokens:
            slot = self._dispensable(others)
            others.remove(slot)
            self._slots.remove(slot)

    def _dispensable(self, slots: list[Slot]) -> Slot:
        """Return the slot that is missed least."""
        held = Counter(slot.document for slot in self._slots)
        return min(slots, key=lambda slot: (held[slot.document] == 1, slot.last_used))
