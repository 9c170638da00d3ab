"""Starts the server: the engine in its thread, the chosen transport in the event loop."""

import asyncio
import ctypes
import os
import resource
import sys
from pathlib import Path
from typing import Final

from inference import Engine, default_model
from lsp_server.engine_host import CompletionEngine, EngineHost, Opener, Progress
from lsp_server.log import log_to_stderr
from lsp_server.options import ServerOptions, check_address, read_token
from lsp_server.stdio import serve_on_stdio
from lsp_server.tcp import serve_on_tcp

# Python's threads hand over to each other after 5 ms, which a key would wait for more than once
# while another thread computes: that of its reader, and then that of its handler.
_HAND_OVER_S: Final = 0.001
_ARENA_MAX: Final = -8  # M_ARENA_MAX of glibc's malloc.h


def serve_stdio(options: ServerOptions) -> None:
    """Serve the client at stdin and stdout until it leaves.

    Raises:
        SystemExit: with status 1, as LSP asks for where the client left without `shutdown`.
    """
    log_to_stderr()
    _prepare_threads()
    host = EngineHost(_opener(options))
    host.start()
    status = 1
    try:
        status = asyncio.run(serve_on_stdio(host))
    finally:
        _close(host, status)
    if status:
        raise SystemExit(status)


def serve_tcp(
    options: ServerOptions,
    *,
    host: str,
    port: int,
    token_file: Path | None = None,
    allow_remote: bool = False,
) -> None:
    """Serve one client after another on a TCP port, until the process is interrupted.

    Args:
        options: the model.
        host: a loopback address or name, unless `allow_remote`.
        port: 0 for any free one, printed on stderr.
        token_file: holds what a client must bring; None: a random token, printed on stderr.
        allow_remote: listen where other machines can reach.

    Raises:
        RequestError: the address or the token's file is not to be used.
        AddressInUseError: the address cannot be listened on.
    """
    check_address(host, port, allow_remote=allow_remote)
    token = read_token(token_file)
    log_to_stderr()
    _prepare_threads()
    engine_host = EngineHost(_opener(options))
    try:
        tell_token = token_file is None
        asyncio.run(serve_on_tcp(engine_host, host, port, token, tell_token=tell_token))
    finally:
        _close(engine_host, 1)


def _prepare_threads() -> None:
    """Let threads take turns more often and, where `ulimit -v` is set, share one heap.

    A heap of its own takes 64 MB of a process's addresses. Where none is left, glibc looks for one
    at each allocation of a thread: a server was so slow that it seemed to hang.
    """
    sys.setswitchinterval(_HAND_OVER_S)
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if sys.platform == "linux" and limit != resource.RLIM_INFINITY:
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_ARENA_MAX, 1)


def _close(host: EngineHost, status: int) -> None:
    if not host.close():
        # Python would tear itself down under the runtime that still loads, which aborts.
        sys.stderr.flush()
        os._exit(status)


def _opener(options: ServerOptions) -> Opener:
    def open_engine(progress: Progress) -> CompletionEngine:
        model = options.model or default_model()
        return Engine.open(model, options.engine, on_progress=progress)

    return open_engine
