"""The peer with llama.cpp itself: it completes, keeps its cache and asks ahead."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lsprotocol import types

from evaluation.keystrokes.assistant import Suggestion
from evaluation.keystrokes.llama_vim import LlamaVim
from inference import default_model

pytest.importorskip("llama_cpp")
pytest.importorskip("gguf")

BLOCK = "def read_{0}(path):\n    with open(path) as stream:\n        return stream.read()\n\n\n"
TEXT = "".join(map(BLOCK.format, "abcdef")) + "def read_g(path):\n    with open(path"


@pytest.fixture
async def peer(tmp_path: Path) -> AsyncIterator[LlamaVim]:
    from training.export_gguf import export_gguf  # noqa: PLC0415 - needs gguf

    export_gguf(default_model(), tmp_path / "model.gguf", weights="q4_0")
    async with LlamaVim(tmp_path / "model.gguf", default_model(), tmp_path) as started:
        yield started


async def ghost(peer: LlamaVim, uri: str, line: int, column: int) -> Suggestion | None:
    """Return what the peer shows at a place."""
    answer: asyncio.Future[Suggestion | None] = asyncio.get_running_loop().create_future()
    peer.ask(uri, types.Position(line, column), invoked=False, answered=answer.set_result)
    async with asyncio.timeout(60):
        shown = await answer
        while (await peer.work()).busy:  # noqa: ASYNC110 - no other way to know
            await asyncio.sleep(0.01)
    return shown


async def test_it_completes_keeps_results_and_goes_on(peer: LlamaVim, tmp_path: Path) -> None:
    """Typed along, the answer comes from the cache at once; prompts are kept but for their end."""
    uri = (tmp_path / "a.py").as_uri()
    peer.open(uri, TEXT)
    row, column = TEXT.count("\n"), len("    with open(path")
    first = await ghost(peer, uri, row, column)
    assert first is not None
    assert " as stream:" in first.text
    peer.change(uri, types.Position(row, column), types.Position(row, column), first.text[0])
    done = await peer.work()
    typed = await ghost(peer, uri, row, column + 1)

    assert typed is not None
    assert typed.text == first.text[1:]
    assert done.prompt_tokens > done.cached_tokens > 0
    assert done.generated_tokens > 0


async def test_words_behind_the_cursor_silence_it(peer: LlamaVim, tmp_path: Path) -> None:
    """More than eight characters right of the cursor: nothing is asked."""
    uri = (tmp_path / "a.py").as_uri()
    peer.open(uri, TEXT + "123456789")
    before = await peer.work()
    peer.ask(
        uri,
        types.Position(TEXT.count("\n"), len("    with open(path")),
        invoked=False,
        answered=lambda _: None,
    )

    assert await peer.work() == before
