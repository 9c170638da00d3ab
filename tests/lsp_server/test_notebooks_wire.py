"""Cells of notebooks over the wire: earlier ones are part of a later one's prompt."""

from pathlib import Path
from typing import Any

NOTEBOOK = "file:///work/analysis.ipynb"
FIRST, PROSE, LAST = (f"vscode-notebook-cell:/work/analysis.ipynb#{name}" for name in "abc")
DEFINED = "".join(f"value_{number} = load({number})\n" for number in range(30))


def cell(uri: str, kind: int = 2) -> dict[str, object]:
    return {"kind": kind, "document": uri}


def item(uri: str, text: str, language: str = "python") -> dict[str, object]:
    return {"uri": uri, "languageId": language, "version": 1, "text": text}


def open_notebook(client: Any) -> None:
    """Open one of three cells, the last of which is to be completed."""
    cells = [cell(FIRST), cell(PROSE, 1), cell(LAST)]
    client.notify(
        "notebookDocument/didOpen",
        {
            "notebookDocument": {
                "uri": NOTEBOOK,
                "notebookType": "jupyter-notebook",
                "version": 1,
                "cells": cells,
            },
            "cellTextDocuments": [
                item(FIRST, DEFINED),
                item(PROSE, "Some *words* " * 100, "markdown"),
                item(LAST, "total = "),
            ],
        },
    )


def change(client: Any, **cells: object) -> None:
    client.notify(
        "notebookDocument/didChange",
        {"notebookDocument": {"uri": NOTEBOOK, "version": 2}, "change": {"cells": cells}},
    )


def prompt_tokens(client: Any) -> int:
    """Complete at the end of the last cell; return how much the model was shown."""
    where = {"textDocument": {"uri": LAST}, "position": {"line": 0, "character": 8}}
    report = client.result("mixline/complete", {**where, "maxTokens": 1})
    tokens: int = report["prompt_tokens"]
    return tokens


def test_earlier_cells_are_part_of_the_prompt(slow_client: Any) -> None:
    """Those in the same language, as they are now and where they are now."""
    slow_client.open(LAST, "total = ")
    alone = prompt_tokens(slow_client)
    open_notebook(slow_client)
    with_cells = prompt_tokens(slow_client)
    assert with_cells > alone + 100

    start = {"line": 0, "character": 0}
    edit = {"range": {"start": start, "end": {"line": 30, "character": 0}}, "text": "value = 1\n"}
    change(slow_client, textContent=[{"document": {"uri": FIRST, "version": 2}, "changes": [edit]}])
    edited = prompt_tokens(slow_client)
    assert alone < edited < with_cells - 100

    structure = {
        "array": {"start": 0, "deleteCount": 3, "cells": [cell(LAST)]},
        "didClose": [{"uri": FIRST}, {"uri": PROSE}],
    }
    change(slow_client, structure=structure)
    assert prompt_tokens(slow_client) <= alone  # it is shown the notebook's path by now
    slow_client.notify(
        "notebookDocument/didClose",
        {"notebookDocument": {"uri": NOTEBOOK}, "cellTextDocuments": [{"uri": LAST}]},
    )
    assert slow_client.inline(LAST, 0, 8, invoked=True) == []


def test_a_change_of_a_notebook_that_is_not_open_is_ignored(slow_client: Any) -> None:
    """The server goes on."""
    structure = {"array": {"start": 5, "deleteCount": 1, "cells": [cell(LAST)]}}
    change(slow_client, structure=structure)
    slow_client.open(LAST, "total = ")

    assert prompt_tokens(slow_client) > 0


def test_cells_of_a_secret_notebook_get_nothing(servers: Any, slow_model: Path) -> None:
    """What holds for a file holds for its cells; and cells are asked for only where known."""
    client = servers.stdio(slow_model)
    offered = client.initialize(
        capabilities={
            "textDocument": {"inlineCompletion": {}},
            "notebookDocument": {"synchronization": {}},
        },
        initializationOptions={"settings": {"secretsExtra": ["*.ipynb"]}},
    )["capabilities"]
    client.wait_ready()
    open_notebook(client)
    where = {"textDocument": {"uri": LAST}, "position": {"line": 0, "character": 8}}

    schemes = [
        entry["notebook"]["scheme"] for entry in offered["notebookDocumentSync"]["notebookSelector"]
    ]
    assert schemes == ["file", "untitled"]
    assert client.result("mixline/complete", where)["reject_reason"] == "secret"
