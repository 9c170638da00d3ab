"""The order of candidates: costs, corrected by a model where it can compare."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from inference import Engine
from lsp_server.document import Document, Point
from lsp_server.fixes.candidate import Candidate, Change, Origin
from lsp_server.fixes.diagnostic import Diagnostic
from lsp_server.fixes.ranking import EngineScorer, rank

TEXT = "import os\n\n\ndef f(config, confirm):\n    return confi\n\n\nf(1, 2)\n"
DOCUMENT = Document.of_text(uri="file:///a.py", version=1, language="python", text=TEXT)
DIAGNOSTIC = Diagnostic(
    start=Point(4, 11), end=Point(4, 16), code="F821", message="Undefined name", source="ruff"
)


def _candidate(text: str, cost: float, row: int = 4) -> Candidate:
    start, end = (Point(4, 11), Point(4, 16)) if row == 4 else (Point(row, 0), Point(row, 0))
    changes = (Change(start=start, end=end, text=text),)
    return Candidate(title=text, changes=changes, origin=Origin.ENUMERATED, cost=cost)


class _Scorer:
    def __init__(self, nats: Sequence[float]) -> None:
        self.nats = nats
        self.asked: list[tuple[str, Sequence[str], str]] = []

    async def __call__(
        self, prefix: str, options: Sequence[str], suffix: str, /
    ) -> Sequence[float]:
        self.asked.append((prefix, options, suffix))
        return self.nats


def _order(scorer: _Scorer | None, candidates: Sequence[Candidate]) -> list[str]:
    return [one.title for one in asyncio.run(rank(scorer, DOCUMENT, DIAGNOSTIC, candidates))]


def test_costs_alone_without_a_model() -> None:
    """What speaks against an edit decides."""
    assert _order(None, [_candidate("confirm", 2.0), _candidate("config", 1.0)]) == [
        "config",
        "confirm",
    ]


def test_model_compares_whole_lines_in_their_place() -> None:
    """The options are the lines that differ; before and behind them stands what they share."""
    scorer = _Scorer([9.0, 1.0])

    order = _order(scorer, [_candidate("config", 1.0), _candidate("confirm", 2.0)])

    assert order == ["confirm", "config"]
    (asked,) = scorer.asked
    assert asked == (
        TEXT[: TEXT.index("    return")],
        ["    return config", "    return confirm"],
        "\n\n\nf(1, 2)\n",
    )


def test_model_does_not_outweigh_everything() -> None:
    """A small preference of the model changes nothing; a hopeless edit is not even compared."""
    scorer = _Scorer([2.0, 1.0])
    candidates = [_candidate("config", 1.0), _candidate("confirm", 2.0), _candidate("f", 30.0)]

    assert _order(scorer, candidates) == ["config", "confirm", "f"]
    assert len(scorer.asked[0][1]) == 2


def test_edits_far_away_go_by_their_costs() -> None:
    """An import at the top of a long file is not compared with a line below."""
    scorer = _Scorer([5.0, 5.0])
    document = Document.of_text(
        uri="file:///a.py", version=1, language="python", text="\n" * 40 + "confi\n"
    )
    place = Point(40, 0), Point(40, 5)
    near = [
        Candidate(
            title=text,
            changes=(Change(start=place[0], end=place[1], text=text),),
            origin=Origin.ENUMERATED,
            cost=cost,
        )
        for text, cost in (("config", 1.0), ("confirm", 3.0))
    ]
    diagnostic = Diagnostic(start=place[0], end=place[1], message="", source="")
    candidates = [*near, _candidate("import confi\n", 2.0, row=0)]

    order = asyncio.run(rank(scorer, document, diagnostic, candidates))

    assert [one.title for one in order] == ["config", "import confi\n", "confirm"]
    assert scorer.asked[0][1] == ["config", "confirm"]


def test_model_that_cannot_tell() -> None:
    """No answer leaves the order as the costs have it."""
    assert _order(_Scorer([]), [_candidate("b", 2.0), _candidate("a", 1.0)]) == ["a", "b"]


def test_engine_answers_for_every_option(tiny_model: Path) -> None:
    """The real engine says how likely each option is, also of odd ones."""
    with Engine.open(tiny_model) as engine:
        scorer = EngineScorer(engine, "file:///a.py", "a.py")
        options = ["    return config", "    return \ud800", ""]

        nats = asyncio.run(scorer("def f():\n", options, "\n"))

    assert len(nats) == 3
    assert nats[0] > 0


def test_closed_engine_is_no_error(tiny_model: Path) -> None:
    """Fixes are found without a model too."""
    engine = Engine.open(tiny_model)
    engine.close()

    assert not asyncio.run(EngineScorer(engine, "file:///a.py", "a.py")("", ["a", "b"], ""))
