"""The same server driven by pytest-lsp's client, whose messages are typed and checked."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lsprotocol import types
from pytest_lsp import LanguageClient, make_test_lsp_client

URI = "file:///work/a.py"
LINE = "alpha_beta_gamma = delta_epsilon(zeta)\n"
CAPABILITIES = types.ClientCapabilities(
    text_document=types.TextDocumentClientCapabilities(
        inline_completion=types.InlineCompletionClientCapabilities()
    ),
    window=types.WindowClientCapabilities(work_done_progress=True),
)


@pytest.fixture
async def lsp(shipped_model: Path) -> AsyncIterator[LanguageClient]:
    """An initialized client of a server whose model is loaded."""
    client = make_test_lsp_client()
    command = [sys.executable, "-P", "-m", "mixline", "serve", "--model", str(shipped_model)]
    await client.start_io(*command)
    await client.initialize_session(
        types.InitializeParams(capabilities=CAPABILITIES, process_id=None, root_uri=None)
    )
    for _ in range(600):
        if (await client.protocol.send_request_async("mixline/status", {})).state == "ready":
            break
        await asyncio.sleep(0.1)
    yield client
    await client.shutdown_session()
    await client.stop()


async def test_ghost_text(lsp: LanguageClient) -> None:
    """The answer has the types of LSP 3.18."""
    item = types.TextDocumentItem(
        uri=URI, language_id="python", version=1, text=LINE * 3 + "alpha_beta"
    )
    lsp.text_document_did_open(types.DidOpenTextDocumentParams(text_document=item))
    position = types.Position(line=3, character=len("alpha_beta"))
    params = types.InlineCompletionParams(
        text_document=types.TextDocumentIdentifier(uri=URI),
        position=position,
        context=types.InlineCompletionContext(
            trigger_kind=types.InlineCompletionTriggerKind.Invoked
        ),
    )
    answer = await lsp.text_document_inline_completion_async(params)

    assert isinstance(answer, types.InlineCompletionList)
    (found,) = answer.items
    assert found.insert_text == LINE[len("alpha_beta") :].rstrip()
    assert found.range == types.Range(start=position, end=position)
