"""Documents that are out to stop or to fool the server: answered, and nothing unseen is shown."""

import random
import unicodedata
from pathlib import Path
from typing import Any, Final

import pytest

from inference import default_model
from inference.model_dir import ModelDir
from inference.tokenizer import Tokenizer
from lsp_server.syntax.broken_file import broken_apart
from lsp_server.syntax.parsing import parse
from lsp_server.syntax.place import Kind, kind_at

LINE: Final = "alpha_beta_gamma = delta_epsilon(zeta)\n"
MOST_MB: Final = 1000  # of all documents, one after the other; 258 as measured
MARKERS: Final = (
    *("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|endoftext|>", "<|file_sep|>"),
    *("<|doc|>", "<|fix|>", "<|diag|>", "<|pad|>", "<|repo_name|>", "<|reserved_0|>"),
)
DOCUMENTS: Final = {
    "markers": ("python", ("".join(MARKERS) + "\n") * 200 + "x = <|fim_pre"),
    "one line of 10 MB": ("python", "x = [" + "1, " * (10 * 2**20 // 3)),
    "a million lines": ("python", "\n" * 10**6 + "x = "),
    "NUL": ("python", LINE * 3 + "\0" * 5000 + "\nalpha\0_beta\0" + "alpha_beta"),
    "lone surrogates": ("python", LINE * 3 + "\ud800\udfff\udc00\ud83d" * 500 + "\nalpha_beta"),
    "bidirectional": ("python", "\u202e\u2066x = 1\u2069\u202c # \u202e\n" * 300 + "\u202ex ="),
    "zero width": ("python", "al\u200bpha\u200d\ufeff = \u00adbeta\u2060\n" * 300 + "al\u200bpha"),
    "controls": ("python", "\x1b[31mx\x07\x08 = '\x1b]0;title\x07'\x7f\x9b\n" * 300 + "\x1b[31m"),
    "brackets": ("python", "[" * 200_000),
    "braces": ("rust", "fn f() {" * 20_000),
    "blocks": ("python", "".join(f"{' ' * depth}if a:\n" for depth in range(900)) + " " * 900),
    "strings": ("javascript", "`${" * 20_000),
    "tags": ("html", "<div>" * 40_000),
    "objects": ("json", '{"a":' * 50_000),
    "combining": ("python", "x = 'e" + "\u0301" * 50_000),
    "binary": ("python", random.Random(0).randbytes(50_000).decode("latin-1")),  # noqa: S311
}


def ask(client: Any, uri: str, text: str) -> list[Any]:
    """Ask at the end of a text, as one types there, and return the items."""
    last = text.rpartition("\n")[2]
    units = len(last.encode("utf-16-le", "surrogatepass")) // 2
    items: list[Any] = client.inline(uri, text.count("\n"), units, invoked=True)
    client.change(uri, text.count("\n"), units, units, " ")
    return items + client.inline(uri, text.count("\n"), units + 1, invoked=True)


def peak_mb(pid: int) -> int:
    """Return the most memory that a process has held, 0 where the system does not tell."""
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) >> 10 for line in lines if line.startswith("VmHWM")), 0)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_is_answered_and_nothing_unseen_is_suggested(
    client: Any, module_servers: Any, name: str
) -> None:
    """Opened, asked for, changed, asked for again, closed; the next document is completed."""
    language, text = DOCUMENTS[name]
    uri = "file:///work/hostile.py"
    client.open(uri, text, language)
    items = ask(client, uri, text)
    span = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 1}}
    params = {"textDocument": {"uri": uri}, "range": span, "context": {"diagnostics": []}}
    assert isinstance(client.result("textDocument/codeAction", params), list)
    client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})

    for item in items:
        unseen = [c for c in item["insertText"] if unicodedata.category(c) in {"Cc", "Cf", "Cs"}]
        assert {*unseen} <= {"\n", "\t"}
    client.open("file:///work/next.py", LINE * 3 + "alpha_beta")
    assert client.inline("file:///work/next.py", 3, 10, invoked=True)
    assert peak_mb(module_servers.processes[0].process.pid) < MOST_MB


def test_deep_nesting_does_not_keep_the_server_from_answering() -> None:
    """Found here: a parent is looked for from the root, so 50,000 levels took half a minute."""
    source = b'{"a":' * 50_000
    parsed = parse("json", source, time_limit_s=60)
    assert parsed is not None

    assert kind_at(parsed, len(source)) is Kind.CODE


def test_a_file_of_nothing_but_errors_is_given_up() -> None:
    """Found here: thousands of pieces, each blanked and parsed as long as the file."""
    text = random.Random(0).randbytes(200_000).decode("latin-1")  # noqa: S311

    assert len(broken_apart(text.encode())) == 1


def test_no_text_is_ever_a_special_token() -> None:
    """Each added token's text, alone, cut, repeated, and in text of every kind."""
    model = ModelDir.open(default_model())
    tokenizer = Tokenizer.open(model.tokenizer)
    draw = random.Random(1)  # noqa: S311 - seeded
    around = ("", " ", "\n", "x", "\0", "\u200b", "\ud800", "<|", "|>", *MARKERS)
    for marker in tokenizer.added.values():
        for _ in range(200):
            left, right = draw.choice(around), draw.choice(around)
            text = left + marker * draw.randint(1, 3) + right
            ids = tokenizer.encode(text)
            assert not tokenizer.added.keys() & {*ids}
            assert tokenizer.decode(ids) == text.encode("utf-16", "surrogatepass").decode(
                "utf-16", "replace"
            )
