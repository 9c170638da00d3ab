"""The typist at the editor: types passages with an assistant and notes what was shown, and when."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Final

from lsprotocol import types

from evaluation.keystrokes.assistant import Assistant, Suggestion, Work
from evaluation.keystrokes.clock import Clock
from evaluation.keystrokes.passages import Task
from evaluation.keystrokes.process import cpu_seconds
from evaluation.keystrokes.reading import Acceptance, acceptance
from evaluation.keystrokes.record import Answer, Record, Sight, Situation
from evaluation.keystrokes.typist import Key, Rhythm, Typist

# How long a suggestion must stand before a typist has read it: at the lower end of the 0.25 to
# 0.75 s from which on assistants count a suggestion as seen.
_READING_S: Final = 0.25
_COLD_LIMIT_S: Final = 10.0


class _Screen:
    """What stands at the cursor of the document that is being typed into."""

    def __init__(
        self, assistant: Assistant, typist: Typist, uri: str, record: Record, clock: Clock
    ) -> None:
        self._assistant = assistant
        self._typist = typist
        self._uri = uri
        self._record = record
        self._clock = clock
        self._request = ""  # the one that waits
        self._asked = 0
        self._pressed_at = 0.0
        self._situation = Situation.COLD
        self.version = assistant.open(uri, typist.before + typist.behind)
        self.shown: Suggestion | None = None
        self.sight: Sight | None = None
        self.since = 0.0
        self._promised = ""  # what is left of the former suggestion behind the key

    def pressed(self, key: Key, position: types.Position) -> None:
        """Send what a key did, and ask anew."""
        typed = key.insert or self._typist.before[len(self._typist.before) - key.overtype :]
        self._move_along(typed)
        if key.delete or key.insert or key.close:
            start = types.Position(position.line, position.character - key.delete)
            text = key.insert + key.close
            self.version = self._assistant.change(self._uri, start, position, text)
        self.ask(invoked=False)

    def accepted(self, taken: Acceptance, position: types.Position) -> None:
        """Send accepted text, and ask for the next."""
        end = types.Position(position.line, position.character + taken.absorbed)
        self._move_along(taken.text)
        self.version = self._assistant.change(self._uri, position, end, taken.text)
        self.ask(invoked=False)

    def ask(self, *, invoked: bool) -> None:
        """Ask for the place of the cursor; an older request is withdrawn."""
        if self._request:
            self._assistant.withdraw(self._request)
        if not invoked or self._situation is Situation.COLD:
            self._pressed_at = self._clock.real()
        self._asked += 1
        self._request = self._assistant.ask(
            self._uri, self.cursor(), invoked=invoked, answered=self._reply_to(self._asked)
        )

    async def first_look(self) -> None:
        """Ask once in the file as it was opened, and dismiss the answer before typing begins."""
        self.ask(invoked=True)
        end = self._clock.now() + _COLD_LIMIT_S
        while self._clock.now() < end and (self._request or (await self._assistant.work()).busy):
            await self._clock.moment()
        self.shown = self.sight = None
        self._situation = Situation.WARM

    def cursor(self) -> types.Position:
        """Return where the cursor stands."""
        return position_behind(self._typist.before)

    def late_result(self, version: int, line: int, character: int) -> None:
        """Ask again, for a result that the server says is ready now."""
        if version == self.version and self.cursor() == types.Position(line, character):
            self.ask(invoked=True)

    def _move_along(self, typed: str) -> None:
        """Note whether the text that came is what stood at the cursor."""
        former, self.shown = self.shown, None
        agrees = former is not None and bool(typed) and former.text.startswith(typed)
        self._promised = former.text[len(typed) :] if former is not None and agrees else ""
        self._situation = Situation.TYPED_THROUGH if self._promised else Situation.WARM
        if not self._promised:
            self.sight = None

    def _reply_to(self, number: int) -> Callable[[Suggestion | None], None]:
        def reply(suggestion: Suggestion | None) -> None:
            if number != self._asked:
                return
            self._request = ""
            if suggestion is None or not suggestion.text:
                return
            if self.shown is None:
                ms = (self._clock.real() - self._pressed_at) * 1e3
                self._record.answers.append(Answer(situation=self._situation, ms=ms))
            self._show(suggestion)

        return reply

    def _show(self, suggestion: Suggestion) -> None:
        self.shown = suggestion
        if self._situation is Situation.COLD:
            return
        if self.sight is not None and suggestion.text.startswith(self._promised):
            return  # it stood there already
        text = suggestion.text
        self.sight = Sight(
            characters=len(text),
            agreeing=self._typist.agreeing(text),
            right=self._typist.agrees(text, suggestion.absorbed),
        )
        self._record.sights.append(self.sight)
        self.since = self._clock.now()


class Replay:
    """Types passages one after the other.

    Args:
        assistant: a started one.
        seed: of the typist's rhythm and errors.
        clock: the typist's time.
    """

    def __init__(self, assistant: Assistant, seed: int, clock: Clock) -> None:
        self._assistant = assistant
        self._seed = seed
        self._clock = clock
        self._screen: _Screen | None = None

    def late_result(self, version: int, line: int, character: int) -> None:
        """Pass `mixline/ready` on."""
        if self._screen is not None:
            self._screen.late_result(version, line, character)

    async def type(self, task: Task, root: Path, record: Record) -> None:
        """Type a passage into the folder of repositories at `root`; add to `record`."""
        passage = task.passage
        folder = root / passage.repository
        opened = {(folder / path).as_uri(): text for path, text in task.neighbours.items()}
        for uri, text in opened.items():
            self._assistant.open(uri, text)
        # Every passage has its own chance: all assistants meet the same typist.
        chance = random.Random(f"{self._seed} {passage.path} {len(passage.head)}")  # noqa: S311 - repeatable, no secret
        typist = Typist(passage, chance)
        rhythm = Rhythm(chance)
        uri = (folder / passage.path).as_uri()
        record.passages += 1
        record.keys_without += typist.keys_for(passage.length)
        self._screen = screen = _Screen(self._assistant, typist, uri, record, self._clock)
        await screen.first_look()
        cpu_before = cpu_seconds(self._assistant.pid)
        before = await self._assistant.work()
        while not typist.finished:
            position = screen.cursor()
            taken = self._accept(screen, typist)
            if taken is None:
                record.keys += 1
                key = typist.press()
                screen.pressed(key, position)
                await self._clock.rest(rhythm.seconds_after(key), self._idle)
            else:
                record.keys += taken.keys
                record.accepted_text.append(taken.text)
                screen.accepted(taken, position)
                await self._clock.rest(_READING_S * taken.keys, self._idle)
            before = await self._account(before, record)
        record.cpu_s += cpu_seconds(self._assistant.pid) - cpu_before
        self._screen = None
        for opened_uri in (uri, *opened):
            self._assistant.close(opened_uri)

    def _accept(self, screen: _Screen, typist: Typist) -> Acceptance | None:
        """Take what of a suggestion was read and is right; note that it was read."""
        shown, sight = screen.shown, screen.sight
        if shown is None or sight is None or self._clock.now() - screen.since < _READING_S:
            return None
        sight.read = True
        taken = acceptance(typist, shown)
        if taken is None:
            return None
        if taken.whole:
            sight.accepted, sight.keys_saved = True, taken.saved
        else:
            sight.keys_saved_in_part += taken.saved
        typist.accept(taken.text, taken.absorbed)
        return taken

    async def _idle(self) -> bool:
        return not (await self._assistant.work()).busy

    async def _account(self, before: Work, record: Record) -> Work:
        """Note what the assistant did since the last key."""
        now = await self._assistant.work()
        prompt = now.prompt_tokens - before.prompt_tokens
        if prompt:
            record.cached_shares.append((now.cached_tokens - before.cached_tokens) / prompt)
        record.generated_tokens += now.generated_tokens - before.generated_tokens
        return now


def position_behind(text: str) -> types.Position:
    """Return the position behind a text in the protocol's units."""
    line = text[text.rfind("\n") + 1 :]
    return types.Position(
        line=text.count("\n"), character=len(line.encode("utf-16-le", "surrogatepass")) // 2
    )
