"""Run the language server on stdin/stdout, or on a loopback TCP port for one client at a time."""

import argparse
from pathlib import Path

from inference.errors import RequestError
from mixline.usage import EXIT_OK, UsageError


def _host_and_port(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:  # noqa: PLR2004
        raise argparse.ArgumentTypeError(f"expected HOST:PORT such as 127.0.0.1:7370, got {text!r}")
    return host.strip("[]"), int(port)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the transport and the model."""
    transport = parser.add_mutually_exclusive_group()
    transport.add_argument("--stdio", action="store_true", help="stdin and stdout (the default)")
    transport.add_argument(
        "--tcp", metavar="HOST:PORT", type=_host_and_port, help="listen; port 0 picks a free one"
    )
    parser.add_argument("--model", metavar="DIR", type=Path, help="model directory to serve")
    parser.add_argument(
        "--token-file", metavar="FILE", type=Path, help="TCP: read the token from FILE"
    )
    parser.add_argument(
        "--allow-remote", action="store_true", help="TCP: allow an address other than loopback"
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until the client or the user ends it."""
    from lsp_server import ServerOptions, serve_stdio, serve_tcp

    options = ServerOptions(model=arguments.model)
    if arguments.tcp is None:
        if arguments.token_file or arguments.allow_remote:
            raise UsageError(
                "--token-file and --allow-remote go with --tcp HOST:PORT; add it or drop them"
            )
        serve_stdio(options)
    else:
        host, port = arguments.tcp
        try:
            serve_tcp(
                options,
                host=host,
                port=port,
                token_file=arguments.token_file,
                allow_remote=arguments.allow_remote,
            )
        except RequestError as error:  # an address or a token file that cannot be meant
            raise UsageError(str(error)) from error
    return EXIT_OK
