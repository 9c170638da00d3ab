"""How the server is started: model, transport, and what guards the TCP port."""

import ipaddress
import secrets
import socket
from dataclasses import dataclass, field
from pathlib import Path

from inference import EngineConfig, RequestError

MIN_TOKEN_CHARACTERS = 16
_MAX_TOKEN_BYTES = 4096
_MAX_PORT = 65535
# Of addresses, for threads, parsers and documents: with 190 MB, requests in six documents of 90 kB
# ended the process, with 260 MB they did not (Linux: a thread's heap takes 64 MB of them).
_SPARE_BYTES = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """What `mixline serve` fixes for every session; what a user changes later is in settings.py."""

    model: Path | None = None  # None: the default model
    engine: EngineConfig = field(default_factory=lambda: EngineConfig(spare_bytes=_SPARE_BYTES))


def check_address(host: str, port: int, *, allow_remote: bool) -> None:
    """Refuse an address that other machines could reach, unless they are meant to.

    Raises:
        RequestError: the port or the address is not one to listen on.
    """
    if not 0 <= port <= _MAX_PORT:
        raise RequestError(f"a TCP port lies between 0 and {_MAX_PORT}, got {port}")
    if not allow_remote and not _is_loopback(host):
        raise RequestError(
            f"only loopback addresses may be served, got {host!r}; "
            f"listen on 127.0.0.1, or pass --allow-remote"
        )


def read_token(token_file: Path | None) -> str:
    """Return the token that a client must bring: the file's, or a new random one.

    Raises:
        RequestError: the file cannot be read or holds too short a token.
    """
    if token_file is None:
        return secrets.token_urlsafe(32)
    try:
        with token_file.open("rb") as file:
            data = file.read(_MAX_TOKEN_BYTES + 1)
        token = data.decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not ASCII text"
        raise RequestError(f"cannot read a token from {token_file}: {reason}") from error
    if not MIN_TOKEN_CHARACTERS <= len(token) <= _MAX_TOKEN_BYTES:
        raise RequestError(
            f"the token in {token_file} must have {MIN_TOKEN_CHARACTERS} to {_MAX_TOKEN_BYTES} "
            f"characters, it has {len(token)}"
        )
    return token


def _is_loopback(host: str) -> bool:
    try:
        addresses = {info[4][0] for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError) as error:
        raise RequestError(f"{host!r} is no address of this machine: {error}") from error
    return all(ipaddress.ip_address(str(address)).is_loopback for address in addresses)
