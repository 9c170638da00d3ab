"""Several tokens in one forward pass: what the workspace expert expects is read along and checked.

Behind a chosen token its likely continuation is run in the same pass, which gives the logits behind
each of them. As long as the tokens that are then chosen are those of the draft, no further pass is
needed; the first other one takes what was read too far out of the cache. The text is that of plain
decoding: every token is chosen from its own logits, only earlier.

A pass of several tokens costs more than one of a single token, how much more depends on the model
and the machine. So passes are timed, drafts are counted by how well the expert's place matches, and
a draft is read along only where that makes a token cheaper.
"""

from collections.abc import Callable
from time import perf_counter
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from inference.comparing import common_prefix
from inference.kv_cache import KvCache
from inference.session import Session

# V vocabulary

Floats: TypeAlias = npt.NDArray[np.float32]
Draft: TypeAlias = tuple[list[int], int]  # tokens, and how many visible characters speak for them
LENGTHS: Final = (1, 3, 7)  # of drafts
_SURE: Final = (16, 32, 64)  # visible characters from which on a draft is of the next class
_FIRST_CHANCES: Final = (0.5, 0.7, 0.8, 0.9)  # of a drafted token, until it is known
_MEASURED: Final = 2  # passes of a length before their time is believed
_SLOWER_SHARE: Final = 0.05  # of a new measurement in the running estimate of a time
_FASTER_SHARE: Final = 0.5
_OUTLIER: Final = 3.0  # times the estimate; more is the machine's doing
_CHANCE_SHARE: Final = 0.05
_GAIN: Final = 0.95  # a token must become cheaper by this
_TRY_AGAIN: Final = 200  # steps without a draft before one is tried all the same


class DraftCosts:
    """Running estimates for one model on this machine: times of passes, chances of drafts."""

    def __init__(self) -> None:
        self._times: dict[int, float] = {}  # seconds, by tokens of the pass
        self._counts: dict[int, int] = {}
        self._chances = list(_FIRST_CHANCES)
        self._without = 0  # steps since the last draft
        self._pays = True

    def wants_draft(self) -> bool:
        """Tell whether a draft may pay or is to be tried; asked once before each plain step."""
        self._without += 1
        return self._pays or self._without > _TRY_AGAIN

    def length(self, available: int, visible: int) -> int:
        """Return how many tokens of a draft to read along, 0 for none.

        Args:
            available: tokens of the draft.
            visible: characters that speak for it.
        """
        if 1 not in self._times:
            return 0
        lengths = [length for length in LENGTHS if length <= available]
        for length in lengths:
            if self._counts.get(length + 1, 0) < _MEASURED:
                return length
        if lengths and self._without > _TRY_AGAIN:
            return min(lengths, key=lambda length: self._counts[length + 1])
        chance = self._chances[_class_of(visible)]
        best, cheapest = 0, self._times[1] * _GAIN
        for length in lengths:
            cost = self._times[length + 1] / sum(chance**power for power in range(length + 1))
            if cost < cheapest:
                best, cheapest = length, cost
        return best

    def observe_pass(self, num_tokens: int, seconds: float) -> None:
        """Learn from a forward pass."""
        self._counts[num_tokens] = self._counts.get(num_tokens, 0) + 1
        former = self._times.get(num_tokens, seconds)
        # A machine that is busy elsewhere makes some passes slow and none fast.
        share = _SLOWER_SHARE if seconds > former else _FASTER_SHARE
        seconds = min(seconds, _OUTLIER * former)
        self._times[num_tokens] = former + share * (seconds - former)

    def observe_draft(self, visible: int, accepted: int, offered: int) -> None:
        """Learn how many tokens of a draft were right, up to the first wrong one."""
        number = _class_of(visible)
        for right in [1.0] * accepted + [0.0] * (accepted < offered):
            self._chances[number] += _CHANCE_SHARE * (right - self._chances[number])
        self._without = 0
        self._pays = any(self.length(LENGTHS[-1], sure) for sure in (0, *_SURE))


class DraftedSteps:
    """The forward passes of one generation."""

    def __init__(
        self,
        session: Session,
        kv: KvCache,
        effort: float,
        costs: DraftCosts,
        *,
        drafting: bool,
        room: int,
    ) -> None:
        """Begin behind the prompt.

        Args:
            session: runs the passes.
            kv: holds the prompt.
            effort: of the request.
            costs: of the model.
            drafting: whether anything may be read along.
            room: positions of `kv` that may be used.
        """
        self._session = session
        self._kv = kv
        self._effort = effort
        self._costs = costs
        self._drafting = drafting
        self._room = room
        self._rows: Floats = np.zeros((0, session.vocab), dtype=np.float32)  # behind each token
        self._draft: list[int] = []  # read along
        self._visible = 0
        self._accepted = 0

    @property
    def num_tokens(self) -> int:
        """Tokens of the text that the cache holds."""
        return len(self._kv.tokens) - (len(self._draft) - self._accepted)

    def logits(self, token: int, draft: Callable[[], Draft], most: int) -> Floats:
        """Return the logits ``[V]`` behind a token that was chosen.

        Args:
            token: the one behind what was chosen so far.
            draft: what is expected behind the token; asked only where it may be of use.
            most: tokens that may be of use.

        Raises:
            MixlineError: the graph failed.
        """
        if self._accepted < len(self._draft) and token == self._draft[self._accepted]:
            self._accepted += 1
            return self._row()
        self.finish()
        if self._drafting and self._costs.wants_draft():
            tokens, visible = draft()
            most = min(most, self._room - len(self._kv.tokens) - 1, len(tokens))
            length = self._costs.length(most, visible)
            if length:
                return self._read_along(token, tokens[:length], visible)
        began = perf_counter()
        logits = self._session.run(self._kv, [token], self._effort)
        self._costs.observe_pass(1, perf_counter() - began)
        return logits

    def finish(self) -> None:
        """Learn from the last draft; what was read too far leaves the cache."""
        if self._draft:
            self._kv.rewind(self.num_tokens)
            self._costs.observe_draft(self._visible, self._accepted, len(self._draft))
        self._draft, self._accepted = [], 0

    def rewind(self, num_tokens: int) -> None:
        """Go back to an earlier `num_tokens`."""
        self.finish()
        self._kv.rewind(num_tokens)

    def resume(self, start: int, chosen: list[int]) -> Floats:
        """Return the logits ``[V]`` behind tokens, others may have been run in their place.

        Args:
            start: tokens of the prompt.
            chosen: what follows it, at least one.

        Raises:
            MixlineError: the graph failed.
        """
        self.finish()
        shared = common_prefix(self._kv.tokens[start:], chosen[:-1])
        self._kv.rewind(start + shared)
        return self._session.run(self._kv, chosen[shared:], self._effort)

    def _read_along(self, token: int, draft: list[int], visible: int) -> Floats:
        began = perf_counter()
        self._rows = self._session.run_scored(self._kv, [token, *draft], 0, self._effort)
        self._costs.observe_pass(1 + len(draft), perf_counter() - began)
        self._draft, self._visible, self._accepted = draft, visible, 0
        return self._row()

    def _row(self) -> Floats:
        row: Floats = self._rows[self._accepted]
        return row


def _class_of(visible: int) -> int:
    return sum(visible >= least for least in _SURE)
