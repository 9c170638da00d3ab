"""What the figures are made of."""

from lsp_server.history.file import HistoryFile
from lsp_server.history.records import Judged, Kept, Moment, Silence, Verdict, new_id
from lsp_server.history.schema import write
from lsp_server.history.statistics import outcomes, read_statistics
from lsp_server.settings import Settings
from tests.lsp_server.history.samples import judged, shown


def test_every_figure(file: HistoryFile) -> None:
    """By hand."""
    one = shown(id=new_id(1_700_000_000.0), latency_ms=10.0)
    two = shown(latency_ms=20.0, explicit=True, id=new_id(1_700_000_001.0))
    other = shown(language="go", latency_ms=90.0, id=new_id(1_700_000_002.0))
    records = [
        one,
        two,
        other,
        judged(one, Verdict.WHOLE, taken=8),
        judged(two, Verdict.REJECTED, taken=0),
        Kept(id=one.id, moment=Moment.HALF_MINUTE, characters=4, out_of=8),
        Silence(day=1, language="go", reason="low_confidence"),
        Silence(day=1, language="go", reason="low_confidence"),
        Silence(day=2, language="go", reason="low_confidence"),
        Silence(day=2, language="python", reason="empty"),
    ]
    with file.open() as connection:
        write(connection, records, file.salt())
    found = read_statistics(file)

    assert found.since == "2023-11-14T22:13:20+00:00"
    assert (found.total.shown, found.total.explicit) == (3, 1)
    assert found.total.accepted == {"whole": 1, "line": 0, "word": 0}
    assert (found.total.rejected, found.total.acceptance) == (1, 0.5)
    assert (found.total.characters_accepted, found.total.characters_saved) == (8, 7)
    assert found.total.retained["30s"].share == 0.5
    assert found.total.retained["2m"].suggestions == 0
    assert found.total.retained["2m"].share is None
    assert found.total.silent == {"empty": 1, "low_confidence": 3}
    assert found.total.latency_ms == {"p50": 20.0, "p90": 90.0, "p99": 90.0}
    assert found.languages["go"].silent == {"low_confidence": 3}
    assert (found.languages["go"].shown, found.languages["python"].shown) == (1, 2)
    assert found.personal["all"].own_minimum_confidence == Settings().minimum_confidence


def test_what_calibration_learns_from(file: HistoryFile) -> None:
    """Ghost text that nobody asked for, each place once; an accept that was undone is a no."""
    accepted = shown(place="a")
    undone = shown(place="b")
    asked = shown(place="c", explicit=True)
    entry = shown(place="d", list_entry=True)
    brief = shown(place="e")
    first, again = shown(place="f", id=new_id(1.0)), shown(place="f", id=new_id(2.0))
    records = [
        *(accepted, undone, asked, entry, brief, first, again),
        *map(judged, (accepted, undone, asked, entry, first)),
        judged(brief, Verdict.BRIEF),
        Judged(id=again.id, verdict=Verdict.REJECTED, visible_ms=300.0, taken=0, grabs=0),
        Kept(id=undone.id, moment=Moment.HALF_MINUTE, characters=1, out_of=10),
    ]
    with file.open() as connection:
        write(connection, records, file.salt())
        wanted = [outcome.wanted for outcome in outcomes(connection)]

    assert sorted(wanted) == [False, False, True]


def test_without_a_file_all_is_nothing(file: HistoryFile) -> None:
    """Looking makes no file."""
    found = read_statistics(file)

    assert (found.since, found.total.shown, found.languages) == (None, 0, {})
    assert not file.folder.exists()
