"""The addresses of one slot's buffers and of a step's numbers, bound to the graph's names."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from inference.device import Device
from inference.kv_cache import KvCache

Floats: TypeAlias = npt.NDArray[np.float32]


class Binding:
    """One slot in one session."""

    def __init__(
        self,
        session: Any,  # noqa: ANN401 - untyped
        kv: KvCache,
        vocab: int,
        device: Device,
    ) -> None:
        self.growths = kv.growths
        self._is_remote = device.is_remote
        self._logits = np.empty((1, vocab), dtype=np.float32)
        self.logits: Floats = self._logits[0]
        self._io: Any = session.io_binding()
        self._past_len = np.zeros((), dtype=np.int32)
        self._position = np.zeros(1, dtype=np.int64)
        self._asked = self._position
        self._effort = np.ones((), dtype=np.float32)
        self._token = np.zeros((1, 1), dtype=np.int64)
        self._bound_ids = self._token
        self._bind_input("input_ids", self._token)
        self._bind_input("past_len", self._past_len)
        self._bind_input("logit_positions", self._position)
        self._bind_input("effort", self._effort)
        self._bind_output("logits", self._logits)
        for name, place in zip(kv.shape.names, kv.places(), strict=True):
            where = (device.memory, 0, place.dtype, place.shape, place.address)
            self._io.bind_input(f"past_{name}", *where)
            self._io.bind_output(f"present_{name}", *where)

    def run(self, session: Any, tokens: Sequence[int], past: int, effort: float) -> None:  # noqa: ANN401
        """Append tokens behind the ``past`` ones that the slot holds."""
        ids = self._token
        if len(tokens) == 1:
            ids[0, 0] = tokens[0]
        else:
            ids = np.asarray([tokens], dtype=np.int64)
        self._past_len[...] = past
        self._position[0] = len(tokens) - 1
        self._effort[...] = effort
        if ids is not self._bound_ids or self._is_remote:
            self._bind_input("input_ids", ids)
            self._bound_ids = ids  # keeps the memory alive while it is bound
        if self._is_remote:
            self._bind_input("past_len", self._past_len)
            self._bind_input("logit_positions", self._asked)
            self._bind_input("effort", self._effort)
        session.run_with_iobinding(self._io)

    @contextmanager
    def wider(self, positions: npt.NDArray[np.int64], logits: Floats) -> Iterator[None]:
        """Take the logits of several positions into another array for as long as this lasts."""
        self._asked = positions
        self._bind_input("logit_positions", positions)
        self._bind_output("logits", logits)
        try:
            yield
        finally:
            self._asked = self._position
            self._bind_input("logit_positions", self._position)
            self._bind_output("logits", self._logits)

    def _bind_input(self, name: str, array: npt.NDArray[Any]) -> None:
        self._io.bind_input(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)

    def _bind_output(self, name: str, array: npt.NDArray[Any]) -> None:
        self._io.bind_output(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
