"""A checker's server: a program that is kept warm and asked over stdio, one asker at a time."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from lsp_server.fixes.checkers.process import NEUTRAL_FOLDER, WatchedProgram, end_group
from lsp_server.framing import FramingError, MessageSplitter, Oversized

_STDIN, _STDOUT = 0, 1


class LanguageServerError(Exception):
    """The server does not do what it should; never leaves the checkers."""


class ServerProcess:
    """The program and the questions that it has not answered; usable again after any error.

    Args:
        command: the program, absolute, and its arguments.
        variables: all of its environment.
        receive: takes each message that the server sends; what it raises means nonsense.
    """

    def __init__(
        self,
        command: Sequence[str],
        variables: Mapping[str, str],
        receive: Callable[[dict[str, Any]], None],
    ) -> None:
        self._command = command
        self._variables = variables
        self._receive = receive
        self._one_at_a_time = asyncio.Lock()
        self._transport: asyncio.SubprocessTransport | None = None
        self._output: ServerOutput | None = None  # of the server that runs
        self._outputs: list[ServerOutput] = []  # of servers that may not have ended yet
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}

    @contextlib.asynccontextmanager
    async def turn(self, limit_s: float) -> AsyncIterator[bool]:
        """Have the server to oneself; tells whether it has just been started.

        Args:
            limit_s: for all that happens meanwhile, the start included.

        Raises:
            LanguageServerError: it cannot be started, has ended, or takes too long; the next turn
                starts it anew.
        """
        async with self._one_at_a_time:
            try:
                async with asyncio.timeout(limit_s):
                    yield await self._start()
            except TimeoutError as error:
                self.close()
                raise LanguageServerError(f"it took longer than {limit_s:g} s") from error
            except (OSError, ValueError) as error:
                self.close()
                raise LanguageServerError(f"it failed ({type(error).__name__})") from error

    async def ask(self, send: Callable[[int], None]) -> Any:  # noqa: ANN401 - any JSON
        """Return what `settle` is told about a question.

        Args:
            send: sends the question with its number.
        """
        number = next(self._numbers)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            send(number)
            return await answer
        finally:
            self._waiting.pop(number, None)

    def settle(self, number: object, outcome: object) -> None:
        """Answer a question, if anybody waits for it; with an error if the outcome is one."""
        waiting = self._waiting.get(number) if isinstance(number, int) else None
        if waiting is None or waiting.done():
            return
        if isinstance(outcome, LanguageServerError):
            waiting.set_exception(outcome)
        else:
            waiting.set_result(outcome)

    def send(self, data: bytes) -> None:
        """Write to the server.

        Raises:
            LanguageServerError: it has ended.
        """
        transport = self._transport
        stdin = None if transport is None else transport.get_pipe_transport(_STDIN)
        if not isinstance(stdin, asyncio.WriteTransport) or stdin.is_closing():
            raise LanguageServerError("it has ended")
        stdin.write(data)

    def close(self) -> None:
        """End the server with all that it has started."""
        self._end("it has ended")

    async def wait_closed(self) -> None:
        """Wait until the servers that were ended are gone."""
        while self._outputs:
            await self._outputs.pop().exited.wait()

    async def _start(self) -> bool:
        if self._transport is not None:
            return False
        await self.wait_closed()
        self._transport, output = await asyncio.get_running_loop().subprocess_exec(
            lambda: ServerOutput(self._receive, self._end),
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=NEUTRAL_FOLDER,
            env=dict(self._variables),
            start_new_session=True,
        )
        self._output = output
        self._outputs.append(output)
        return True

    def _end(self, problem: str) -> None:
        transport, self._transport = self._transport, None
        output, self._output = self._output, None
        if transport is not None and output is not None:
            end_group(transport.get_pid())
            output.let_go()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(LanguageServerError(problem))
        self._waiting.clear()


class ServerOutput(WatchedProgram):
    """Cuts what a server prints into messages.

    Args:
        receive: takes each; what it raises means that the message was no LSP.
        failed: is told why there will be no more.
    """

    def __init__(
        self, receive: Callable[[dict[str, Any]], None], failed: Callable[[str], None]
    ) -> None:
        super().__init__()
        self.exited = asyncio.Event()
        self._receive = receive
        self._failed = failed
        self._splitter = MessageSplitter()
        self._is_over = False

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        """Handle what was read."""
        if fd != _STDOUT or self._is_over or isinstance(data, str):
            return
        try:
            for message in self._splitter.feed(data):
                if isinstance(message, Oversized):
                    self._end("it sends an endless message")
                    return
                self._receive(json.loads(message))
        except (FramingError, LanguageServerError, ValueError, RecursionError) as error:
            self._end(f"it sends what is no LSP ({type(error).__name__})")
        except (AttributeError, KeyError, TypeError):
            self._end("it sends what is no JSON-RPC")

    def process_exited(self) -> None:
        """Wake whoever waits for an answer."""
        super().process_exited()
        self.exited.set()
        self._end("it has ended")

    def _end(self, problem: str) -> None:
        if not self._is_over:
            self._is_over = True
            self._failed(problem)
