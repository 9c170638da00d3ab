"""Ghost text over the wire with the model that ships, at the places where it is asked for."""

import time
from pathlib import Path
from typing import Any

import pytest

URI = "file:///work/shop.py"
# What comes next is evident: the same line stands above, twice.
BODY = """\
import json


def load_orders(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def load_customers(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


"""
BEGUN = "def load_products(path):\n    with open(path, enc"
TEXT = BODY + BEGUN
LINE = TEXT.count("\n")
COLUMN = len("    with open(path, enc")
REST = 'oding="utf-8") as file:'


def span(line: int, start: int, end: int) -> dict[str, Any]:
    return {
        "start": {"line": line, "character": start},
        "end": {"line": line, "character": end},
    }


def test_at_the_end_of_a_line(client: Any) -> None:
    """Automatic: the rest of the line, inserted at the cursor."""
    client.open(URI, TEXT)
    item = client.ghost(URI, LINE, COLUMN)

    assert item == {"insertText": REST, "range": span(LINE, COLUMN, COLUMN)}


def test_typing_along_is_answered_from_the_first_generation(client: Any) -> None:
    """Ten keys, no further generation but the one behind it, each answer the rest."""
    client.open(URI, TEXT)
    client.ghost(URI, LINE, COLUMN)
    generations = client.generations_at_rest()
    for number in range(10):
        place = COLUMN + number
        client.change(URI, LINE, place, place, REST[number])
        (item,) = client.inline(URI, LINE, place + 1)
        assert item == {"insertText": REST[number + 1 :], "range": span(LINE, place + 1, place + 1)}

    assert client.generations_at_rest() == generations


def test_automatic_in_the_middle_of_a_line_is_silent(client: Any) -> None:
    """Words behind the cursor: nothing is even generated."""
    client.open(URI, BODY + "total = add(price, )\n")
    assert client.inline(URI, BODY.count("\n"), len("total = ")) == []

    assert client.status()["answers"] == {"mid_line": 1}
    assert client.status()["engine"]["generations"] == 0


def test_invoked_in_the_middle_of_a_line(client: Any) -> None:
    """An infill of one line that stands before the old rest."""
    line = '    with open(, encoding="utf-8") as file:'
    client.open(
        URI, BODY + "def load_products(path):\n" + line + "\n        return json.load(file)\n"
    )
    column = line.index("(") + 1
    (item,) = client.inline(URI, BODY.count("\n") + 1, column, invoked=True)

    assert item["insertText"].strip()
    assert "\n" not in item["insertText"]
    assert item["range"] == span(BODY.count("\n") + 1, column, column)


def test_invoked_in_an_empty_file(client: Any) -> None:
    """There is always something to begin with."""
    client.open("file:///work/new.py", "")
    (item,) = client.inline("file:///work/new.py", 0, 0, invoked=True)

    assert item["insertText"].strip()
    assert item["range"] == span(0, 0, 0)


@pytest.mark.parametrize(
    ("encodings", "chosen", "column"),
    [
        (["utf-8", "utf-16"], "utf-8", COLUMN + 8),
        (["utf-16"], "utf-16", COLUMN + 6),
        (None, "utf-16", COLUMN + 6),
        (["utf-32"], "utf-32", COLUMN + 5),
    ],
)
def test_behind_an_emoji(
    servers: Any, shipped_model: Path, encodings: list[str] | None, chosen: str, column: int
) -> None:
    """Columns count in the negotiated unit, in the request, in edits and in the range."""
    client = servers.stdio(shipped_model)
    general = {} if encodings is None else {"general": {"positionEncodings": encodings}}
    capabilities = {"textDocument": {"inlineCompletion": {}}, **general}
    answer = client.initialize(capabilities=capabilities)
    assert answer["capabilities"]["positionEncoding"] == chosen
    client.wait_ready()
    client.open(URI, BODY + "def load_products(path):\n" + "    '😋'; with open(path, e?")
    line = BODY.count("\n") + 1
    client.change(URI, line, column - 2, column - 1, "n")
    client.change(URI, line, column - 1, column - 1, "c")
    item = client.ghost(URI, line, column)

    assert item == {"insertText": REST, "range": span(line, column, column)}


def test_in_a_crlf_file(client: Any) -> None:
    """Several lines are joined by LF, which the editor turns into its own."""
    crlf = BODY.replace("\n", "\r\n") + "def load_products(path):\r\n    with open(path, enc"
    client.open(URI, crlf)
    item = client.ghost(URI, LINE, COLUMN)
    assert item["insertText"] == REST
    client.change(URI, LINE, COLUMN, COLUMN, REST + "\r\n        ")
    item = client.ghost(URI, LINE + 1, 8)

    assert "\r" not in item["insertText"]
    assert item["insertText"].startswith("return json.load(file)")
    assert item["range"] == span(LINE + 1, 8, 8)


def test_in_a_file_with_the_text_of_markers(client: Any) -> None:
    """What looks like a marker of the prompt is plain text to the model, and stays so."""
    markers = "<|fim_prefix|> <|fim_suffix|> <|fim_middle|> <|endoftext|> <|file_sep|>"
    client.open(URI, f'MARKERS = "{markers}"\n' * 3 + TEXT)
    item = client.ghost(URI, LINE + 3, COLUMN)
    assert item["insertText"] == REST
    other = f'A = "{markers}"\nB = "{markers}"\nC = "<|fim_pre'
    client.open("file:///work/b.py", other)
    # On demand: where in the row of markers the model stops is its own affair.
    (item,) = client.inline("file:///work/b.py", 2, len('C = "<|fim_pre'), invoked=True)

    written = item["insertText"]
    assert len(written) > len("fix|>")
    assert written.startswith(markers[len("<|fim_pre") :][: len(written)])


def test_in_a_file_of_a_megabyte(client: Any) -> None:
    """The cursor in its middle; then a key, which leaves the prompt in the cache."""
    filler = "".join(f"value_{number} = {number} * {number}\n" for number in range(20_000))
    text = filler + TEXT + "\n" + filler
    assert len(text) > 1_000_000
    client.open(URI, text)
    line = 20_000 + LINE
    item = client.ghost(URI, line, COLUMN)
    assert item == {"insertText": REST, "range": span(line, COLUMN, COLUMN)}
    params = {"textDocument": {"uri": URI}, "maxTokens": 1}
    client.result("mixline/complete", {**params, "position": {"line": line, "character": COLUMN}})
    client.change(URI, line, COLUMN, COLUMN, "o")
    report = client.result(
        "mixline/complete", {**params, "position": {"line": line, "character": COLUMN + 1}}
    )

    assert report["cached_tokens"] >= report["prompt_tokens"] - 8


def test_an_auto_closed_bracket_is_absorbed(client: Any) -> None:
    """The bracket that the editor has closed is part of the new text's range."""
    client.open(URI, BODY + "def load_products(path):\n    with open(path, enc)\n")
    item = client.ghost(URI, LINE, COLUMN)

    assert item["insertText"] == REST
    assert item["range"] == span(LINE, COLUMN, COLUMN + 1)


def test_lines_that_are_no_lines_of_lsp(client: Any) -> None:
    """A form feed and U+2028 end no line: edits and positions behind them are right."""
    client.open(
        URI, "# a\x0cb\u2028c\n" + BODY + "def load_products(path):\n    with open(path, e?"
    )
    client.change(URI, LINE + 1, COLUMN - 2, COLUMN - 1, "nc")
    item = client.ghost(URI, LINE + 1, COLUMN)

    assert item["insertText"] == REST


def test_a_selected_entry_is_continued(client: Any) -> None:
    """The text goes on behind the entry, over its range; an entry that cannot fit gives nothing."""
    client.open(URI, TEXT)
    selected = {"range": span(LINE, COLUMN - 3, COLUMN), "text": "encoding="}
    (item,) = client.inline(URI, LINE, COLUMN, invoked=True, selectedCompletionInfo=selected)
    assert item == {
        "insertText": 'encoding="utf-8") as file:',
        "range": span(LINE, COLUMN - 3, COLUMN),
    }
    selected["text"] = "errors="

    assert client.inline(URI, LINE, COLUMN, invoked=True, selectedCompletionInfo=selected) == []


@pytest.mark.parametrize("name", [".env", "id_rsa", "config/secrets.yaml"])
def test_secrets_are_never_completed(client: Any, name: str) -> None:
    """Not even on demand, and nothing of them is read by the engine."""
    uri = f"file:///work/{name}"
    client.open(uri, "TOKEN=abc\nTOKEN=")
    assert client.inline(uri, 1, 6, invoked=True) == []
    params = {"textDocument": {"uri": uri}, "position": {"line": 1, "character": 6}}
    report = client.result("mixline/complete", params)

    assert (report["text"], report["reject_reason"], report["tokens"]) == ("", "secret", 0)
    assert client.status()["engine"]["generations"] == 0


def test_other_open_files_are_context_unless_ignored(
    servers: Any, shipped_model: Path, tmp_path: Path
) -> None:
    """The workspace expert continues from an admitted file and knows nothing of an ignored one."""
    work = tmp_path / "work"
    work.mkdir()
    (work / ".git").mkdir()
    (work / ".gitignore").write_text("generated.py\n")
    for name in ("seen.py", "generated.py", "new.py"):
        (work / name).write_text("")
    client = servers.stdio(shipped_model)
    client.initialize(workspaceFolders=[{"uri": work.as_uri(), "name": "work"}])
    client.wait_ready()
    foreign = "quagmire_wombat_of_zanzibar = frobnicate_the_xylophone(417)\n"
    new = (work / "new.py").as_uri()
    client.open(new, "quagmire_wombat_of_")
    column = len("quagmire_wombat_of_")
    client.open((work / "generated.py").as_uri(), foreign)
    params = {"textDocument": {"uri": new}, "position": {"line": 0, "character": column}}
    assert "frobnicate_the_xylophone" not in client.result("mixline/complete", params)["text"]
    client.open((work / "seen.py").as_uri(), foreign)

    assert "frobnicate_the_xylophone(417)" in client.result("mixline/complete", params)["text"]


def test_settings_come_from_the_client(servers: Any, shipped_model: Path) -> None:
    """Pulled after initialize and after each change; a wrong one is shown as one message."""
    client = servers.stdio(shipped_model)
    client.configuration = {"enable": False, "temperature": 7}
    client.initialize(
        capabilities={
            "textDocument": {"inlineCompletion": {}},
            "workspace": {
                "configuration": True,
                "didChangeConfiguration": {"dynamicRegistration": True},
            },
        }
    )
    client.wait_ready()
    client.open(URI, TEXT)
    message = client.notification("window/showMessage")["params"]["message"]
    assert message.startswith("mixline.temperature: ")
    (registered,) = client.notification("client/registerCapability")["params"]["registrations"]
    assert registered["method"] == "workspace/didChangeConfiguration"
    assert client.inline(URI, LINE, COLUMN, invoked=True) == []
    client.configuration = {"disabledLanguages": ["ruby"]}
    client.notify("workspace/didChangeConfiguration", {"settings": None})
    end = time.monotonic() + 30
    while not client.inline(URI, LINE, COLUMN, invoked=True):
        assert time.monotonic() < end
    client.open(URI, TEXT, language="ruby")
    assert client.inline(URI, LINE, COLUMN, invoked=True) == []
    client.configuration = {"commentsAndStrings": False, "answerWithinMs": 10_000}
    client.notify("workspace/didChangeConfiguration", {"settings": None})
    client.open(URI, f"# enc\n{TEXT}")
    refused = client.status()["answers"]["disabled"]
    while client.status()["answers"]["disabled"] == refused:
        client.inline(URI, 0, 5)
        assert time.monotonic() < end

    assert client.inline(URI, 0, 5) == []
    assert client.inline(URI, LINE + 1, COLUMN) == client.inline(URI, LINE + 1, COLUMN) != []


def test_the_completion_list_is_a_fallback(servers: Any, shipped_model: Path) -> None:
    """Only for clients without ghost text: one entry, the last one, over the begun word."""
    client = servers.stdio(shipped_model)
    answer = client.initialize(capabilities={})
    assert "completionProvider" in answer["capabilities"]
    client.wait_ready()
    client.open(URI, TEXT)
    params = {"textDocument": {"uri": URI}, "position": {"line": LINE, "character": COLUMN}}
    end = time.monotonic() + 30
    items = []
    while not items:
        sent = time.perf_counter()
        arrived, message = client.arrival(client.request("textDocument/completion", params))
        assert message["result"]["isIncomplete"] is True
        items = message["result"]["items"]
        assert time.monotonic() < end
    (item,) = items

    assert arrived - sent < 1.0
    assert item["textEdit"] == {"newText": "enc" + REST, "range": span(LINE, COLUMN - 3, COLUMN)}
    assert item["filterText"].startswith("enc")
    assert item["sortText"] > "zzz"
    assert item["insertTextMode"] == 1
    assert "preselect" not in item


def test_a_client_with_ghost_text_gets_no_completion_list(client: Any) -> None:
    """The method is neither offered nor known."""
    request = client.request(
        "textDocument/completion",
        {"textDocument": {"uri": URI}, "position": {"line": 0, "character": 0}},
    )

    assert client.answer(request)["error"]["code"] == -32601
