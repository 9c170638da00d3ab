"""The engine with a real tiny model: results, cancellation, caching, threads, refusals."""

import random
import threading
from concurrent.futures import Future
from pathlib import Path

import pytest

import inference
from inference import (
    Completion,
    ContextLengthError,
    Engine,
    EngineClosedError,
    EngineConfig,
    FinishReason,
    Generation,
    MixlineError,
    Priority,
    Sampling,
)
from inference.ops import library
from tests.inference.engine_runs import TIMEOUT_S, Gate, MakeRequest, complete, what


def test_info_describes_the_model(engine: Engine, model: Path) -> None:
    """Name, sizes, provider and kernel, as the directory and the library say."""
    info = engine.info

    assert info.path == model
    assert info.name == model.name
    assert info.provider == "CPUExecutionProvider"
    assert info.kernel == library.chosen_kernel()
    assert info.library.is_file()
    assert info.context == 1024
    assert info.prompt_tokens == 768
    assert info.vocab == 800
    assert info.total_parameters > info.active_parameters > 0
    assert info.weights_bytes == (model / "weights.bin").stat().st_size


def test_progress_rises_to_one(model: Path) -> None:
    """Stages are named, shares go from 0 to 1."""
    told: list[tuple[str, float]] = []

    Engine.open(model, on_progress=lambda stage, share: told.append((stage, share))).close()

    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert all(stage for stage, _ in told)


def test_cancelled_generation_stops_within_one_token(
    engine: Engine, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancelled after its third token, it makes no fourth."""
    gate = Gate(engine, monkeypatch, reports=4)  # the prefill, then three tokens
    generation = engine.submit(make_request(max_tokens=100))
    assert gate.reached.wait(TIMEOUT_S)
    seen = generation.snapshot()
    generation.cancel()
    gate.open.set()
    completion = generation.future.result(TIMEOUT_S)

    assert (seen.tokens, seen.finish_reason) == (3, None)
    assert (completion.tokens, completion.finish_reason) == (3, FinishReason.CANCELLED)
    assert completion.text == seen.text
    assert engine.status().generated_tokens == 3
    assert not engine.status().busy


def test_cancelled_prefill_stops_within_one_chunk(
    model: Path, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was run stays in the cache and serves the next prompt."""
    with Engine.open(model, EngineConfig(prefill_chunk_tokens=10)) as engine:
        gate = Gate(engine, monkeypatch, reports=2)
        request = make_request("value = compute(1)\n" * 20)
        generation = engine.submit(request)
        assert gate.reached.wait(TIMEOUT_S)
        generation.cancel()
        gate.open.set()
        completion = generation.future.result(TIMEOUT_S)
        again = complete(engine, request)

    assert (completion.tokens, completion.finish_reason) == (0, FinishReason.CANCELLED)
    assert completion.prompt_tokens > 100
    assert again.cached_tokens == 20


def test_cancelled_while_waiting_never_runs(
    engine: Engine, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is answered at once, while the other one still runs, and counts as no generation."""
    gate = Gate(engine, monkeypatch)
    first = engine.submit(make_request())
    assert gate.reached.wait(TIMEOUT_S)
    second = engine.submit(make_request())
    assert engine.status().waiting == 1
    second.cancel()
    second.cancel()
    completion = second.future.result(0)
    status = engine.status()
    gate.open.set()
    first.future.result(TIMEOUT_S)

    assert completion.finish_reason is FinishReason.CANCELLED
    assert second.snapshot() == completion
    assert (status.waiting, status.busy) == (0, True)
    assert engine.status().generations == 1


def test_future_cannot_be_cancelled_behind_our_back(
    engine: Engine, make_request: MakeRequest
) -> None:
    """Future.cancel() changes nothing: the generation has a cancel of its own."""
    generation = engine.submit(make_request())

    assert not generation.future.cancel()
    assert generation.future.result(TIMEOUT_S).tokens > 0
    generation.cancel()  # too late, harmless


def test_interactive_goes_before_background(
    engine: Engine, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By priority, then by arrival."""
    gate = Gate(engine, monkeypatch)
    done: list[str] = []
    engine.submit(make_request())
    assert gate.reached.wait(TIMEOUT_S)
    futures: list[Future[Completion]] = []
    for name, priority in (
        ("b1", Priority.BACKGROUND),
        ("i1", Priority.INTERACTIVE),
        ("b2", Priority.BACKGROUND),
        ("i2", Priority.INTERACTIVE),
    ):
        future = engine.submit(make_request(priority=priority)).future
        future.add_done_callback(lambda _, name=name: done.append(name))
        futures.append(future)
    gate.open.set()
    for future in futures:
        future.result(TIMEOUT_S)
    engine.close()

    assert done == ["i1", "i2", "b1", "b2"]


def test_background_stands_aside_and_begins_again(
    engine: Engine, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person's request ends what runs in the background within a step, and loses none of it."""
    alone = what(complete(engine, make_request(max_tokens=40)))
    finished: list[str] = []
    with Engine.open(Path(engine.info.path)) as other:
        gate = Gate(other, monkeypatch)
        background = make_request(max_tokens=40, priority=Priority.BACKGROUND)
        behind = other.submit(background)
        behind.future.add_done_callback(lambda _: finished.append("background"))
        assert gate.reached.wait(TIMEOUT_S)
        before = other.submit(make_request(document="file:///b.py"))
        before.future.add_done_callback(lambda _: finished.append("interactive"))
        gate.open.set()

        assert what(behind.future.result(TIMEOUT_S)) == alone
        assert finished == ["interactive", "background"]


def test_failure_reaches_its_request_only(engine: Engine, make_request: MakeRequest) -> None:
    """An unexpected exception inside a generation becomes an error of ours; the worker lives on."""
    broken = engine.submit(make_request(prefix=None))
    error = broken.future.exception(TIMEOUT_S)
    callback_failed = engine.submit(make_request())
    callback_failed.future.add_done_callback(lambda _: 1 / 0)

    assert isinstance(error, MixlineError)
    assert error.__cause__ is not None
    assert callback_failed.future.result(TIMEOUT_S).tokens == 12
    assert complete(engine, make_request()).tokens == 12


def test_close_refuses_and_cancels(
    engine: Engine, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The running one is cancelled, the waiting one refused, later ones too; twice is fine."""
    gate = Gate(engine, monkeypatch)
    running = engine.submit(make_request(max_tokens=100))
    assert gate.reached.wait(TIMEOUT_S)
    waiting = engine.submit(make_request())
    closing = threading.Thread(target=engine.close)
    closing.start()
    assert isinstance(waiting.future.exception(TIMEOUT_S), EngineClosedError)
    gate.open.set()
    closing.join(TIMEOUT_S)

    assert running.future.result(TIMEOUT_S).finish_reason is FinishReason.CANCELLED
    with pytest.raises(EngineClosedError):
        engine.submit(make_request())
    engine.close()
    assert engine.status().kv_bytes == 0


def test_callback_may_close_the_engine(model: Path, make_request: MakeRequest) -> None:
    """Closing from the worker's own thread does not wait for itself."""
    engine = Engine.open(model)
    closed = threading.Event()

    def close(_: Future[Completion]) -> None:
        engine.close()
        closed.set()

    engine.submit(make_request()).future.add_done_callback(close)

    assert closed.wait(TIMEOUT_S)


def test_least_recently_used_documents_go(model: Path, make_request: MakeRequest) -> None:
    """Slots and tokens stay within the budget, which is what `status` says."""
    config = EngineConfig(kv_slots=2, kv_budget_tokens=600)
    with Engine.open(model, config) as engine:
        for number in range(5):
            complete(engine, make_request(document=f"file:///{number}.py", path=f"{number}.py"))
        status = engine.status()
        recent = complete(engine, make_request(document="file:///4.py", path="4.py"))
        gone = complete(engine, make_request(document="file:///0.py", path="0.py"))

    assert (status.kv_slots, status.kv_budget_tokens) == (2, 600)
    assert 0 < status.kv_tokens <= 600
    assert 0 < status.kv_bytes <= 600 * 2 * 4 * 2 * 2 * 32
    assert recent.cached_tokens == recent.prompt_tokens - 1
    assert gone.cached_tokens < gone.prompt_tokens - 1


def test_small_budget_shortens_prompts(model: Path, make_request: MakeRequest) -> None:
    """The budget bounds prompt and completion together; next to nothing is refused."""
    with Engine.open(model, EngineConfig(kv_budget_tokens=100)) as engine:
        completion = complete(engine, make_request("x = compute(1)\n" * 200, max_tokens=500))

        assert engine.info.context == 100
        assert completion.prompt_tokens <= engine.info.prompt_tokens == 75
        assert engine.status().kv_tokens <= 100
    for budget in (1, 10, 0, -5):
        with pytest.raises(ContextLengthError, match="expected"):
            Engine.open(model, EngineConfig(kv_budget_tokens=budget))


def test_many_threads_submit_and_cancel(engine: Engine, make_request: MakeRequest) -> None:
    """200 requests from 10 threads, a third cancelled at random: all answered, all consistent."""
    generations: list[Generation] = []
    lock = threading.Lock()

    def work(seed: int) -> None:
        rng = random.Random(seed)  # noqa: S311 - reproducible choices, nothing secret
        for _ in range(20):
            generation = engine.submit(
                make_request(
                    "value = " * rng.randrange(1, 40),
                    document=f"file:///{rng.randrange(6)}.py",
                    max_tokens=rng.randrange(1, 12),
                    priority=rng.choice(list(Priority)),
                    sampling=Sampling(temperature=rng.choice([0.0, 1.0]), seed=seed),
                )
            )
            with lock:
                generations.append(generation)
            if rng.random() < 0.3:
                generation.cancel()
            generation.snapshot()
            engine.status()

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT_S)
    completions = [generation.future.result(TIMEOUT_S) for generation in generations]
    status = engine.status()

    assert len(completions) == 200
    assert all(completion.finish_reason is not None for completion in completions)
    assert (status.busy, status.waiting) == (False, 0)
    assert status.generated_tokens == sum(completion.tokens for completion in completions)
    # counted: exactly those that ran a forward pass; one may be cancelled before its first
    ran = [completion for completion in completions if completion.ms_prefill > 0]
    assert status.generations == len(ran)
    assert status.kv_tokens <= status.kv_budget_tokens
    request = make_request()
    assert what(complete(engine, request)) == what(complete(engine, request))


def test_public_names_are_these() -> None:
    """What the language server and the command may import."""
    assert set(inference.__all__) == {
        "Completion",
        "CompletionRequest",
        "ContextLengthError",
        "Engine",
        "EngineClosedError",
        "EngineConfig",
        "EngineStatus",
        "FinishReason",
        "FixTask",
        "Generation",
        "MixlineError",
        "ModelDirectoryError",
        "ModelInfo",
        "OperatorLibraryError",
        "Priority",
        "Reference",
        "RequestError",
        "Sampling",
        "Snippet",
        "WorkspaceIndex",
        "WorkspaceView",
        "common_prefix",
        "default_model",
        "default_threads",
        "parse_effort",
    }
    assert all(hasattr(inference, name) for name in inference.__all__)
