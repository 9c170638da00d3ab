"""Several slots of keys and values under one token budget: which of them serves the next prompt.

A document keeps its slot, so that typing re-uses all but the tail of the former prompt. Another
document starts in a slot of its own with a copy of the longest prefix that any slot shares with it
(the header of a file, say). The least recently used slot makes room.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from inference.comparing import common_prefix
from inference.errors import ContextLengthError
from inference.kv_cache import KvCache, KvShape


@dataclass(slots=True, kw_only=True, eq=False)
class Slot:
    """The keys and values of one document's latest prompt."""

    document: str
    kv: KvCache
    last_used: int = 0


class PrefixCache:
    """All slots; used by the engine's worker thread alone."""

    def __init__(self, shape: KvShape, *, max_slots: int, budget_tokens: int) -> None:
        """Start empty.

        Args:
            shape: of the model.
            max_slots: documents held at once.
            budget_tokens: capacity over all slots.

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
        own = next((slot for slot in self._slots if slot.document == document), None)
        source, shared = self._longest_prefix(prompt, own)
        target = own if own is not None else Slot(document=document, kv=KvCache(self.shape))
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
            self._slots.remove(min(self._slots, key=lambda slot: slot.last_used))
        self._slots.append(target)

    def _free(self, capacity: int, *, keep: Slot) -> None:
        """Drop least recently used slots until one of `capacity` tokens fits beside the rest."""
        others = sorted((s for s in self._slots if s is not keep), key=lambda slot: slot.last_used)
        used = sum(slot.kv.capacity for slot in others)
        for slot in others:
            if used + capacity <= self.budget_tokens:
                break
            used -= slot.kv.capacity
            self._slots.remove(slot)
