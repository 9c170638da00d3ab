"""What the model writes into which slot, what of it is kept, and when its work ends."""

import asyncio
from concurrent.futures import Future

import pytest

from inference import Completion, CompletionRequest, EngineStatus, FinishReason, ModelInfo
from lsp_server.docstrings.drafting import Draft, draft
from lsp_server.docstrings.filling import Model, filled
from lsp_server.docstrings.habits import ProjectHabits
from lsp_server.docstrings.languages import read_module
from lsp_server.document import Document

SOURCE = "def load_config(path, strict):\n    return read_lines(path, strict)\n"


class Generation:
    """One answer, there at once or never."""

    def __init__(self, text: str | None, mean_logprob: float) -> None:
        self.future: Future[Completion] = Future()
        self.is_cancelled = False
        if text is not None:
            self.future.set_result(
                Completion(
                    text=text,
                    finish_reason=FinishReason.STOP,
                    tokens=5,
                    prompt_tokens=1,
                    cached_tokens=0,
                    mean_logprob=mean_logprob,
                    min_logprob=mean_logprob,
                    token_ends=(),
                    token_logprobs=(),
                    drafted_tokens=0,
                    ms_prefill=0.0,
                    ms_decode=0.0,
                )
            )

    def cancel(self) -> None:
        self.is_cancelled = True

    def snapshot(self) -> Completion:
        return self.future.result()


class Engine:
    """Answers each request with the next of some texts."""

    def __init__(self, *texts: str | None, mean_logprob: float = -0.1) -> None:
        self.requests: list[CompletionRequest] = []
        self.asked = asyncio.Event()
        self.generations = [Generation(text, mean_logprob) for text in texts]

    @property
    def info(self) -> ModelInfo:
        raise NotImplementedError

    def submit(self, request: CompletionRequest) -> Generation:
        self.requests.append(request)
        self.asked.set()
        return self.generations[len(self.requests) - 1]

    def status(self) -> EngineStatus:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


def _draft(source: str = SOURCE) -> Draft:
    document = Document.of_text(uri="file:///m.py", version=1, language="python", text=source)
    module = read_module(document)
    assert module is not None
    return draft(document, module, module.definitions[0], ProjectHabits())


async def test_each_slot_is_asked_for_with_what_stands_before_it() -> None:
    """The prompts go on where the last one ended; sure and sound sentences take the slots."""
    engine = Engine(
        " Load the lines of a config.",
        " Path of the lines that are read.",
        " Whether the read lines are strict or not.",
        " The lines of the config path.",
    )
    told: list[tuple[int, int]] = []
    made = await filled(
        _draft(), Model(engine=engine, path="m.py"), lambda done, all_: told.append((done, all_))
    )
    prompts = [request.prefix for request in engine.requests]

    assert made.content.summary == "Load the lines of a config."
    assert [entry.text for section in made.content.sections for entry in section.entries] == [
        "Path of the lines that are read.",
        "Whether the read lines are strict or not.",
        "The lines of the config path.",
    ]
    assert prompts[0].endswith('strict):\n    """')
    assert prompts[1].endswith('    """Load the lines of a config.\n\n    Args:\n        path:')
    assert prompts[2].startswith(prompts[1])
    assert all("return read_lines(path, strict)" in one.suffix for one in engine.requests)
    assert all(one.docstring for one in engine.requests)
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize(
    ("texts", "mean_logprob"),
    [
        ((" Load the lines of a config.",) * 4, -9.0),  # it is not sure
        (("",) * 4, -0.1),
        ((" Load the planets of a galaxy.",) * 4, -0.1),  # nothing of it is in the code
    ],
)
async def test_else_the_plain_phrases_stay(texts: tuple[str, ...], mean_logprob: float) -> None:
    """Word for word."""
    plain = _draft()
    made = await filled(plain, Model(engine=Engine(*texts, mean_logprob=mean_logprob), path="m.py"))

    assert made.content == plain.content


async def test_a_function_of_many_parameters_keeps_most_of_its_phrases() -> None:
    """The model is asked for twelve at most, besides the summary."""
    names = ", ".join(f"number_{number}" for number in range(500))
    engine = Engine(*[""] * 600)
    plain = _draft(f"def f({names}):\n    return 1\n")
    made = await filled(plain, Model(engine=engine, path="m.py"))

    assert len(engine.requests) == 13
    assert made.content == plain.content


async def test_cancelling_ends_the_generation() -> None:
    """And none is begun afterwards."""
    engine = Engine(None, "")
    task = asyncio.ensure_future(filled(_draft(), Model(engine=engine, path="m.py")))
    await engine.asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert engine.generations[0].is_cancelled
    assert len(engine.requests) == 1
