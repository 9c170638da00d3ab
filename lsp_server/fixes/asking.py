"""One question to the model from the event loop; cancelling the task cancels it there."""

import asyncio

from inference import Completion, CompletionRequest
from lsp_server.engine_host import CompletionEngine


async def ask(engine: CompletionEngine, request: CompletionRequest) -> Completion:
    """Return the engine's answer.

    Raises:
        MixlineError: the model failed, or the engine was closed.
    """
    generation = engine.submit(request)
    try:
        return await asyncio.wrap_future(generation.future)
    except asyncio.CancelledError:
        generation.cancel()
        raise
