"""Mixline's language server: knows LSP, knows nothing of tensors."""

from lsp_server.completion import CompletionReport, complete_at
from lsp_server.options import ServerOptions
from lsp_server.serve import serve_stdio, serve_tcp

__all__ = ["CompletionReport", "ServerOptions", "complete_at", "serve_stdio", "serve_tcp"]
