"""The typist at the editor: types passages into the server and notes what was shown, and when."""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from lsprotocol import types

from evaluation.keystrokes.client import EditorClient, Suggestion
from evaluation.keystrokes.typist import Key, Passage, Rhythm, Typist

# How long a suggestion must stand before a typist has read it: below the 0.25 to 0.75 s from which
# on assistants count a suggestion as seen.
_READING_S: Final = 0.25
_LEAST_GAIN: Final = 2  # keys: for less nobody reaches for the tabulator key


class Situation(StrEnum):
    """Which work an answer could build on."""

    COLD = "cold"  # the first request in a document
    WARM = "warm"
    TYPED_THROUGH = "typed_through"  # the key agreed with the suggestion that stood there


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One key that was answered with a suggestion."""

    situation: Situation
    ms: float  # from the key to the suggestion


@dataclass(slots=True, kw_only=True)
class Sight:
    """One suggestion for as long as it stood, typed along or not."""

    characters: int
    agreeing: int  # of these, what would have been typed
    right: bool  # accepting it would have left exactly the file's text
    read: bool = False
    accepted: bool = False
    keys_saved: int = 0


@dataclass(slots=True, kw_only=True)
class Record:
    """What happened while passages were typed."""

    keys: int = 0  # pressed, accepting included
    keys_without: int = 0  # that the same text takes without suggestions
    answers: list[Answer] = field(default_factory=list)
    sights: list[Sight] = field(default_factory=list)
    cached_shares: list[float] = field(default_factory=list)  # per key that ran the model
    generated_tokens: int = 0
    accepted_text: list[str] = field(default_factory=list)


class _Screen:
    """What stands at the cursor of the document that is being typed into."""

    def __init__(self, client: EditorClient, typist: Typist, uri: str, record: Record) -> None:
        self._client = client
        self._typist = typist
        self._uri = uri
        self._record = record
        self._request = ""  # the one that waits
        self._pressed_at = 0.0
        self._situation = Situation.COLD
        self._asked = False
        self.version = client.open(uri, typist.before + typist.behind)
        self.shown: Suggestion | None = None
        self.sight: Sight | None = None
        self.since = 0.0
        self._promised = ""  # what is left of the former suggestion behind the key

    def pressed(self, key: Key, position: types.Position) -> None:
        """Send what a key did, and ask anew."""
        former, self.shown = self.shown, None
        typed = key.insert or self._typist.before[len(self._typist.before) - key.overtype :]
        agrees = former is not None and bool(typed) and former.text.startswith(typed)
        self._promised = former.text[len(typed) :] if former is not None and agrees else ""
        if self._promised:
            self._situation = Situation.TYPED_THROUGH
        else:
            self._situation = Situation.WARM if self._asked else Situation.COLD
            self.sight = None
        self._send(key, position)
        self.ask(invoked=False)

    def ask(self, *, invoked: bool) -> None:
        """Ask for the place of the cursor; an older request is withdrawn."""
        if self._request:
            self._client.withdraw(self._request)
        if not invoked:
            self._pressed_at = time.perf_counter()
        self._asked = True
        self._request = self._client.ask(
            self._uri, self.cursor(), invoked=invoked, answered=self._reply_to(self.version)
        )

    def cursor(self) -> types.Position:
        """Return where the cursor stands."""
        return position_behind(self._typist.before)

    def _send(self, key: Key, position: types.Position) -> None:
        if key.delete or key.insert or key.close:
            start = types.Position(position.line, position.character - key.delete)
            text = key.insert + key.close
            self.version = self._client.change(self._uri, start, position, text)

    def accepted(self, suggestion: Suggestion, position: types.Position) -> None:
        """Send an accepted suggestion, and ask for the next."""
        end = types.Position(position.line, position.character + suggestion.absorbed)
        self.version = self._client.change(self._uri, position, end, suggestion.text)
        self.shown = self.sight = None
        self._promised = ""
        self._situation = Situation.WARM
        self.ask(invoked=False)

    def late_result(self, version: int, line: int, character: int) -> None:
        """Ask again, for a result that the server says is ready now."""
        if version == self.version and self.cursor() == types.Position(line, character):
            self.ask(invoked=True)

    def _reply_to(self, version: int) -> Callable[[Suggestion | None], None]:
        def reply(suggestion: Suggestion | None) -> None:
            if version != self.version or suggestion is None or not suggestion.text:
                return
            now = time.perf_counter()
            if self.shown is None:
                ms = (now - self._pressed_at) * 1e3
                self._record.answers.append(Answer(situation=self._situation, ms=ms))
            self._request = ""
            self._show(suggestion, now)

        return reply

    def _show(self, suggestion: Suggestion, now: float) -> None:
        self.shown = suggestion
        if self.sight is not None and suggestion.text.startswith(self._promised):
            return  # it stood there already
        text = suggestion.text
        self.sight = Sight(
            characters=len(text),
            agreeing=self._typist.agreeing(text),
            right=self._typist.agrees(text, suggestion.absorbed),
        )
        self._record.sights.append(self.sight)
        self.since = now


class Replay:
    """Types passages one after the other.

    Args:
        client: a started client.
        seed: of the typist's rhythm and errors.
    """

    def __init__(self, client: EditorClient, seed: int) -> None:
        self._client = client
        self._chance = random.Random(seed)  # noqa: S311 - repeatable, no secret
        self._screen: _Screen | None = None
        self.record = Record()

    def late_result(self, version: int, line: int, character: int) -> None:
        """Pass `mixline/ready` on."""
        if self._screen is not None:
            self._screen.late_result(version, line, character)

    async def type(self, passage: Passage, root: Path, neighbours: dict[str, str]) -> None:
        """Type a passage.

        Args:
            passage: what is typed.
            root: the folder of repositories.
            neighbours: other files that are open meanwhile, by path inside the repository.
        """
        folder = root / passage.repository
        opened = {(folder / path).as_uri(): text for path, text in neighbours.items()}
        for uri, text in opened.items():
            self._client.open(uri, text)
        typist = Typist(passage, self._chance)
        rhythm = Rhythm(self._chance)
        uri = (folder / passage.path).as_uri()
        self.record.keys_without += typist.keys_for(passage.length)
        self._screen = screen = _Screen(self._client, typist, uri, self.record)
        before = await self._client.status()
        while not typist.finished:
            self.record.keys += 1
            if not self._accept(screen, typist):
                position = screen.cursor()
                key = typist.press()
                screen.pressed(key, position)
                await asyncio.sleep(rhythm.seconds_after(key))
            else:
                await asyncio.sleep(_READING_S)
            before = await self._account(before)
        self._screen = None
        for opened_uri in (uri, *opened):
            self._client.close(opened_uri)

    def _accept(self, screen: _Screen, typist: Typist) -> bool:
        """Accept what stands at the cursor, if it was read and is right; note that it was read."""
        shown, sight = screen.shown, screen.sight
        if shown is None or sight is None or time.perf_counter() - screen.since < _READING_S:
            return False
        sight.read = True
        if not typist.agrees(shown.text, shown.absorbed):
            return False
        saved = typist.keys_for(len(shown.text)) - 1
        if saved < _LEAST_GAIN - 1:
            return False
        sight.accepted, sight.keys_saved = True, saved
        self.record.accepted_text.append(shown.text)
        position = screen.cursor()
        typist.accept(shown.text, shown.absorbed)
        screen.accepted(shown, position)
        return True

    async def _account(self, before: Any) -> Any:  # noqa: ANN401 - pygls makes an object of any JSON
        """Note what the engine did since the last key."""
        now = await self._client.status()
        prompt = now.engine.prompt_tokens - before.engine.prompt_tokens
        if prompt:
            cached = now.engine.cached_tokens - before.engine.cached_tokens
            self.record.cached_shares.append(cached / prompt)
        self.record.generated_tokens += now.engine.generated_tokens - before.engine.generated_tokens
        return now


def position_behind(text: str) -> types.Position:
    """Return the position behind a text in the protocol's units."""
    line = text[text.rfind("\n") + 1 :]
    return types.Position(
        line=text.count("\n"), character=len(line.encode("utf-16-le", "surrogatepass")) // 2
    )
