"""What the typist's editor needs of an assistant: the language server, or the peer beside it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from lsprotocol import types


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """What stands at the cursor."""

    text: str  # from the cursor on
    absorbed: int  # characters behind the cursor that it replaces


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What an assistant has done since it was started."""

    busy: bool  # it is generating, or about to
    prompt_tokens: int
    cached_tokens: int  # of these, not run again
    generated_tokens: int


class Assistant(Protocol):
    """One server process, its documents, and requests for ghost text."""

    @property
    def name(self) -> str:
        """What the report calls it."""

    @property
    def pid(self) -> int:
        """The process whose time and memory count."""

    def open(self, uri: str, text: str) -> int:
        """Open a document and return its version."""

    def close(self, uri: str) -> None:
        """Close a document."""

    def change(self, uri: str, start: types.Position, end: types.Position, text: str) -> int:
        """Replace a part of a document and return its version."""

    def ask(
        self,
        uri: str,
        position: types.Position,
        *,
        invoked: bool,
        answered: Callable[[Suggestion | None], None],
    ) -> str:
        """Ask for ghost text and return the request's id; `answered` is called in the event loop.

        A request that fails or is withdrawn is answered with None.
        """

    def withdraw(self, identifier: str) -> None:
        """Cancel a request."""

    async def work(self) -> Work:
        """Return what was done so far."""
