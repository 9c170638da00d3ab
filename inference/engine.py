"""The engine: requests from any thread, one worker thread that runs them by priority."""

import heapq
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from inference.cancel import CancelToken
from inference.config import EngineConfig
from inference.errors import EngineClosedError, MixlineError, OutOfMemoryError
from inference.generate import Generator
from inference.loading import load
from inference.model_info import ModelInfo
from inference.request import Completion, CompletionRequest, EngineStatus, FinishReason
from inference.writing import Costs, Written

_NOTHING_YET: Final = Written().completion(Costs(), None)
_NOTHING_CANCELLED: Final = Written().completion(Costs(), FinishReason.CANCELLED)


class Generation:
    """One submitted request; any thread may wait for it, look at it or cancel it.

    `future` resolves with the completion, also when it was cancelled (finish_reason CANCELLED), and
    raises a MixlineError where the generation failed.
    """

    def __init__(
        self, request: CompletionRequest, withdraw: Callable[["Generation"], None]
    ) -> None:
        self.request = request
        self.future: Future[Completion] = Future()
        self.future.set_running_or_notify_cancel()  # Future.cancel() has no effect, cancel() has
        self.cancel_token = CancelToken()
        self.run_token = CancelToken()  # of the run; there are several if it stands aside
        self.is_counted = False  # in the engine's figures, as read ahead
        self._withdraw = withdraw
        self._latest = _NOTHING_YET

    def cancel(self) -> None:
        """End the generation: at once if it waits, else before its next forward pass."""
        self.stop()
        self._withdraw(self)

    def begin(self) -> None:
        """Start a run; the engine's part."""
        self.run_token = CancelToken()
        if self.cancel_token.cancelled:
            self.run_token.cancel()

    def stop(self) -> None:
        """End the run before its next forward pass, for good."""
        self.cancel_token.cancel()  # first, so that a run that begins meanwhile sees it
        self.run_token.cancel()

    def snapshot(self) -> Completion:
        """Return the text so far, finish_reason None while the generation runs or waits."""
        return self._latest

    def update(self, completion: Completion) -> None:
        """Set what `snapshot` returns; the engine's part."""
        self._latest = completion

    def resolve(self, outcome: Completion | MixlineError) -> None:
        """Answer whoever waits; the engine's part."""
        if isinstance(outcome, MixlineError):
            self.future.set_exception(outcome)
        else:
            self._latest = outcome
            self.future.set_result(outcome)


class Engine:
    """An open model; thread-safe. Use it as a context manager, or call `close`."""

    def __init__(self, generator: Generator, info: ModelInfo, config: EngineConfig) -> None:
        self.info = info
        self._generator = generator
        self._config = config
        self._changed = threading.Condition()
        self._waiting: list[tuple[int, int, Generation]] = []  # heap: priority, arrival
        self._arrivals = 0
        self._running: Generation | None = None
        self._closed = False
        self._generations = 0
        self._generated_tokens = 0
        self._prompt_tokens = 0
        self._cached_tokens = 0
        self._read_ahead_tokens = 0
        self._worker = threading.Thread(target=self._work, name="mixline-engine", daemon=True)
        try:
            self._worker.start()
        except RuntimeError as error:  # so Python calls a thread that the system does not give
            raise OutOfMemoryError("start another thread") from error

    @classmethod
    def open(
        cls,
        model: Path,
        config: EngineConfig | None = None,
        *,
        on_progress: Callable[[str, float], None] | None = None,
    ) -> Self:
        """Check a model directory, load it and warm it up; blocks for as long as that takes.

        Args:
            model: the directory.
            config: None for the defaults.
            on_progress: told the stage and the share done, 0 to 1.

        Raises:
            MixlineError: see `loading.load`; OutOfMemoryError also for a thread that is not given.
        """
        config = EngineConfig() if config is None else config
        try:
            generator, info = load(Path(model), config, on_progress or _ignore)
        except MemoryError as error:
            raise OutOfMemoryError(f"open {model}") from error
        return cls(generator, info, config)

    def submit(self, request: CompletionRequest) -> Generation:
        """Queue a request.

        A running one of less priority stands aside within a step, or a chunk of its prompt, and
        begins again later: what it has read is in the cache by then.

        Raises:
            EngineClosedError: the engine was closed.
        """
        generation = Generation(request, self._withdraw)
        with self._changed:
            if self._closed:
                raise EngineClosedError("the engine is closed; open it again")
            self._arrivals += 1
            heapq.heappush(self._waiting, (request.priority, self._arrivals, generation))
            running = self._running
            if running is not None and request.priority < running.request.priority:
                running.run_token.cancel()  # and not its own: it runs again
            self._changed.notify()
        return generation

    def status(self) -> EngineStatus:
        """Return what the engine is doing."""
        cache = self._generator.cache
        with self._changed:
            return EngineStatus(
                busy=self._running is not None,
                waiting=len(self._waiting),
                generations=self._generations,
                generated_tokens=self._generated_tokens,
                prompt_tokens=self._prompt_tokens,
                cached_tokens=self._cached_tokens,
                read_ahead_tokens=self._read_ahead_tokens,
                kv_slots=self._config.kv_slots,
                kv_tokens=cache.held_tokens,
                kv_budget_tokens=cache.budget_tokens,
                kv_bytes=cache.nbytes,
            )

    def close(self) -> None:
        """Cancel the running generation, refuse the waiting ones, and end the worker."""
        with self._changed:
            self._closed = True
            refused = [generation for _, _, generation in self._waiting]
            self._waiting.clear()
            if self._running is not None:
                self._running.stop()
            self._changed.notify()
        for generation in refused:
            generation.resolve(EngineClosedError("the engine was closed before the request ran"))
        if threading.current_thread() is not self._worker:  # a future's callback may close us
            self._worker.join()
            self._generator.cache.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _withdraw(self, generation: Generation) -> None:
        """Take a cancelled generation out of the queue, if it is still there."""
        with self._changed:
            left = [entry for entry in self._waiting if entry[2] is not generation]
            if len(left) == len(self._waiting):
                return
            heapq.heapify(left)
            self._waiting = left
        generation.resolve(_NOTHING_CANCELLED)

    def _work(self) -> None:
        while (generation := self._take()) is not None:
            outcome = self._run(generation)
            with self._changed:
                self._running = None  # before the answer: who has it finds the engine idle
                if self._stood_aside(generation, outcome):
                    self._arrivals += 1
                    entry = generation.request.priority, self._arrivals, generation
                    heapq.heappush(self._waiting, entry)
                    continue
            generation.resolve(outcome)

    def _stood_aside(self, generation: Generation, outcome: Completion | MixlineError) -> bool:
        """Tell whether a generation ended only because a more urgent one came; it runs again."""
        return (
            isinstance(outcome, Completion)
            and outcome.finish_reason is FinishReason.CANCELLED
            and not generation.cancel_token.cancelled
            and not self._closed
        )

    def _take(self) -> Generation | None:
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            if self._closed:
                return None
            _, _, self._running = heapq.heappop(self._waiting)
            self._running.begin()
            return self._running

    def _run(self, generation: Generation) -> Completion | MixlineError:
        tokens_seen = 0
        started = False

        def report(completion: Completion) -> None:
            nonlocal tokens_seen, started
            generation.update(completion)
            if generation.request.prefill_only:
                if not generation.is_counted:  # by a run before, which stood aside
                    self._read_ahead_tokens += completion.prompt_tokens - completion.cached_tokens
                generation.is_counted = True
            elif not started:
                self._generations += 1
                self._prompt_tokens += completion.prompt_tokens
                self._cached_tokens += completion.cached_tokens
            self._generated_tokens += completion.decoded_tokens - tokens_seen
            started, tokens_seen = True, completion.decoded_tokens

        try:
            completion = self._generator.generate(generation.request, generation.run_token, report)
        except MixlineError as error:
            return error
        except MemoryError:
            self._generator.cache.clear()  # which makes room for the next request
            return OutOfMemoryError("complete this")
        except Exception as error:  # noqa: BLE001 - one bad request must not end the worker
            self._generator.cache.clear()  # its state is unknown
            failure = MixlineError(f"the generation failed unexpectedly: {error!r}")
            failure.__cause__ = error
            return failure
        self._generated_tokens += completion.decoded_tokens - tokens_seen
        return completion


def _ignore(stage: str, share: float) -> None:
    """Be told of progress that nobody asked for."""
