"""Redaction: keys go, code stays."""

import secrets
from pathlib import Path

import pytest

from lsp_server.context.redaction import PLACEHOLDER, redact

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    "key",
    [
        "AKIA" + "Z3MNOPQRSTUVWX24",
        "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8",
        "glpat-" + "x9Yz8W7v6U5t4S3r2Q1p",
        "xoxb-" + "123456789012-abcdefABCDEF",
        "sk-proj-" + "q8W7e6R5t4Y3u2I1o0P9a8S7",
        "AIza" + "SyD9-x8_w7V6u5T4s3R2q1P0o9N8m7L6k5",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "kT8vQz/Lm2RxW0aBn+Yc5pHd7JfUe1GsKqVo3iZt",
    ],
)
def test_keys_are_replaced(key: str) -> None:
    """Whatever stands around them stays."""
    assert redact(f'TOKEN = "{key}"  # a\nx = 1\n') == f'TOKEN = "{PLACEHOLDER}"  # a\nx = 1\n'


def test_random_strings_are_replaced() -> None:
    """Nearly every token of 32 random bytes is seen."""
    tokens = [secrets.token_urlsafe(32) for _ in range(300)]

    assert sum(redact(token) != token for token in tokens) >= 295


def test_private_keys_are_replaced_whole() -> None:
    """Also one whose end is missing."""
    block = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\nabc\n-----END RSA PRIVATE KEY-----"

    assert redact(f"a\n{block}\nb") == f"a\n{PLACEHOLDER}\nb"
    assert redact("a\n" + block[:60]) == f"a\n{PLACEHOLDER}"


@pytest.mark.parametrize(
    "name",
    [
        "test_what_breaks_the_syntax_is_shortened_or_refused",
        "AbstractSingletonProxyFactoryBean2Configuration",
        "lsp_server/postprocess/confidence",
        "application/vnd-openxmlformats-officedocument",
        "_AuditLogProxyMemberKickOrMemberRoleUpdate",
        "com/en-us/library/windows/desktop/aa365247",
        "min_int=-9223372036854775808",
        "=" * 60,
        "0" * 64,
        "x86_64-linux-gnu-g++-12-portable-kernels",
        "PROTOCOL_VERSION_2025_03_26_EXPERIMENTAL",
    ],
)
def test_names_stay(name: str) -> None:
    """Long names of words, rules and paths are no keys."""
    assert redact(f"{name} = 1\n") == f"{name} = 1\n"


def test_code_stays() -> None:
    """In this project's own sources nothing looks like a key."""
    for package in ("inference", "lsp_server", "mixline", "onnx_export"):
        for path in ROOT.joinpath(package).rglob("*.py"):
            if path.name != "redaction.py":
                text = path.read_text(encoding="utf-8")
                assert redact(text) == text, path
