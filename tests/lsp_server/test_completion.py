"""complete_at: one place of a text, with the report of `mixline complete`."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from inference import Engine, RequestError
from lsp_server.completion import CompletionReport, complete_at

TEXT = "'😋'; total = add_all(first, second, third)\r\n" * 3 + "'😋'; total = add_"


@pytest.fixture(scope="module")
def engine(tiny_model: Path) -> Iterator[Engine]:
    """The tiny random model: what it writes here is what stands above."""
    with Engine.open(tiny_model) as opened:
        yield opened


def complete(engine: Engine, **changes: object) -> CompletionReport:
    place: dict[str, object] = {"path": Path("a.py"), "text": TEXT, "line": 4, "column": 18}
    return complete_at(engine, **place | changes)  # type: ignore[arg-type]


def test_the_report_is_what_the_command_prints(engine: Engine) -> None:
    """Every key of the JSON object, the range in utf-16 units from 0."""
    report = asdict(complete(engine))

    assert list(report) == [
        "text",
        "range",
        "finish_reason",
        "reject_reason",
        "tokens",
        "prompt_tokens",
        "cached_tokens",
        "mean_logprob",
        "ms_prefill",
        "ms_decode",
    ]
    assert report["text"] == "all(first, second, third)"
    start = {"line": 3, "character": 18}
    assert report["range"] == {"start": start, "end": start}
    assert report["finish_reason"] == "line"
    assert report["tokens"] > 0
    assert report["mean_logprob"] < 0.0


def test_closers_behind_the_cursor_are_in_the_range(engine: Engine) -> None:
    """The bracket is written again, so it is replaced."""
    text = "total = add_all(first) + 1\n" * 3 + "total = add_all()"
    report = complete(engine, text=text, column=17)

    assert report.text == "first) + 1"
    assert report.range["end"]["character"] - report.range["start"]["character"] == 1


def test_what_the_gate_would_say_is_told(engine: Engine) -> None:
    """In the middle of a line an editor would not even ask; random text is not shown."""
    assert complete(engine, text=TEXT + " + 1").reject_reason == "mid_line"
    report = complete(engine, text="q", line=1, column=2, max_tokens=3)

    assert report.reject_reason is not None
    assert report.tokens <= 3


def test_a_secret_is_not_read(engine: Engine) -> None:
    """The report says why there is nothing."""
    report = complete(engine, path=Path(".env"))

    assert (report.text, report.reject_reason, report.prompt_tokens) == ("", "secret", 0)


@pytest.mark.parametrize(("line", "column"), [(0, 1), (5, 1), (4, 0), (4, 19), (1, 99)])
def test_a_place_outside_is_refused(engine: Engine, line: int, column: int) -> None:
    """Lines and columns count from 1; the column behind the last character is the last."""
    with pytest.raises(RequestError, match=r"expected a (line|column) from 1 to"):
        complete(engine, line=line, column=column)
