"""Reads the history: figures for the user, and the verdicts that calibration learns from."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from lsp_server.history.calibration import LEAST_EVENTS, Outcome, band, learn
from lsp_server.history.file import HistoryFile
from lsp_server.history.records import ACCEPTED, Moment, Verdict, time_of
from lsp_server.settings import Settings

_LEARN_FROM: Final = 2000  # of the latest verdicts
_HALF: Final = 0.5
_PERCENTILES: Final = (50, 90, 99)
_SHIPPED_MINIMUM: Final = Settings().minimum_confidence
_COLUMNS: Final = (
    "id, language, verdict, explicit, list_entry, characters, latency_ms, taken, grabs,"
    " confirmed, kept_of, kept_30s, kept_2m, kept_10m, kept_close"
)
# Ghost text that nobody had asked for, each place once, with its latest verdict.
_VERDICTS: Final = """
SELECT language, confidence, verdict, kept_of, kept_30s, max(id) FROM suggestion
WHERE verdict IN ('whole', 'line', 'word', 'typed', 'rejected') AND NOT explicit AND NOT list_entry
GROUP BY document, place ORDER BY max(id) DESC LIMIT ?
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retained:
    """How much of accepted text was still there at one moment."""

    suggestions: int
    share: float | None  # of their characters; None without any


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What became of a number of suggestions."""

    shown: int
    accepted: Mapping[str, int]  # whole, line, word
    typed: int  # to their ends by hand
    beyond: int  # likewise, and on in the same line
    rejected: int
    brief: int  # contradicted before anybody could have read them
    left: int
    withdrawn: int
    explicit: int  # of those shown
    confirmed: int  # accepted, and the client has said so
    acceptance: float | None  # accepted, of those accepted, typed or rejected
    retained: Mapping[str, Retained]  # after 30s, 2m, 10m, and when the document was closed
    characters_shown: int
    characters_accepted: int
    characters_saved: int  # accepted, less one key for each accepting edit
    silent: Mapping[str, int]  # why nothing was shown, by reason
    latency_ms: Mapping[str, float | None]  # p50, p90, p99 from request to answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Personal:
    """Where the gate's threshold stands for the setting's default."""

    events: int  # verdicts to learn from
    least_events: int  # before it moves
    minimum_confidence: float  # shipped
    own_minimum_confidence: float
    band: tuple[float, float]  # it never leaves


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """The JSON object of `mixline stats` and `mixline/stats`."""

    since: str | None  # ISO 8601, UTC
    total: Figures
    languages: Mapping[str, Figures]
    personal: Mapping[str, Personal]  # "all", and every language with a threshold of its own


Row = dict[str, Any]


def read_statistics(file: HistoryFile) -> Statistics:
    """Return all figures; without a file all are 0.

    Raises:
        HistoryError: the file cannot be read.
    """
    if not file.exists():
        return statistics((), (), ())
    with file.open() as connection:
        connection.execute("BEGIN")  # one state of the file for all three
        found = connection.execute(f"SELECT {_COLUMNS} FROM suggestion ORDER BY id")  # noqa: S608 - our own names
        names = [column[0] for column in found.description]
        rows = [dict(zip(names, row, strict=True)) for row in found]
        silent = connection.execute(
            "SELECT language, reason, sum(count) FROM silence GROUP BY language, reason"
        ).fetchall()
        verdicts = list(outcomes(connection))
        connection.execute("COMMIT")
    return statistics(rows, silent, verdicts)


def outcomes(connection: sqlite3.Connection) -> Iterator[Outcome]:
    """Return the latest verdicts; an accepted text that was soon deleted was not wanted."""
    for language, confidence, verdict, kept_of, kept, _ in connection.execute(
        _VERDICTS, (_LEARN_FROM,)
    ):
        undone = kept_of is not None and kept is not None and kept < _HALF * kept_of
        wanted = verdict != Verdict.REJECTED and not undone
        yield Outcome(language=language, confidence=confidence, wanted=wanted)


def statistics(
    rows: Sequence[Row],
    silent: Iterable[tuple[str, str, int]],
    verdicts: Iterable[Outcome],
) -> Statistics:
    """Count what was read."""
    by_language: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_language[row["language"]].append(row)
    reasons: dict[str, dict[str, int]] = defaultdict(dict)
    for language, reason, count in silent:
        reasons[language][reason] = count
    all_reasons: dict[str, int] = defaultdict(int)
    for counts in reasons.values():
        for reason, count in counts.items():
            all_reasons[reason] += count
    return Statistics(
        since=_date(time_of(rows[0]["id"])) if rows else None,
        total=_figures(rows, all_reasons),
        languages={
            language: _figures(by_language[language], reasons[language])
            for language in sorted({*by_language, *reasons})
        },
        personal=_personal(verdicts),
    )


def _figures(rows: Sequence[Row], silent: Mapping[str, int]) -> Figures:
    verdicts: dict[str, int] = defaultdict(int)
    for row in rows:
        if row["verdict"] is not None:
            verdicts[row["verdict"]] += 1
    accepted = {verdict.value: verdicts[verdict] for verdict in Verdict if verdict in ACCEPTED}
    total = sum(accepted.values())
    decided = total + verdicts[Verdict.TYPED] + verdicts[Verdict.REJECTED]
    taken = sum(row["taken"] for row in rows)
    return Figures(
        shown=len(rows),
        accepted=accepted,
        typed=verdicts[Verdict.TYPED],
        beyond=verdicts[Verdict.BEYOND],
        rejected=verdicts[Verdict.REJECTED],
        brief=verdicts[Verdict.BRIEF],
        left=verdicts[Verdict.LEFT],
        withdrawn=verdicts[Verdict.WITHDRAWN],
        explicit=sum(row["explicit"] for row in rows),
        confirmed=sum(row["confirmed"] for row in rows),
        acceptance=total / decided if decided else None,
        retained={moment.value.removeprefix("kept_"): _retained(rows, moment) for moment in Moment},
        characters_shown=sum(row["characters"] for row in rows),
        characters_accepted=taken,
        characters_saved=taken - sum(row["grabs"] for row in rows),
        silent=dict(sorted(silent.items())),
        latency_ms=_percentiles(sorted(row["latency_ms"] for row in rows)),
    )


def _retained(rows: Sequence[Row], moment: Moment) -> Retained:
    seen = [row for row in rows if row[moment.value] is not None and row["kept_of"]]
    characters = sum(row["kept_of"] for row in seen)
    kept = sum(row[moment.value] for row in seen)
    return Retained(suggestions=len(seen), share=kept / characters if characters else None)


def _percentiles(values: Sequence[float]) -> dict[str, float | None]:
    last = len(values) - 1
    return {
        f"p{percent}": round(values[-(-last * percent // 100)], 3) if values else None
        for percent in _PERCENTILES
    }


def _personal(verdicts: Iterable[Outcome]) -> dict[str, Personal]:
    learned = learn(verdicts)
    return {
        name: Personal(
            events=calibration.events,
            least_events=LEAST_EVENTS,
            minimum_confidence=_SHIPPED_MINIMUM,
            own_minimum_confidence=round(calibration.threshold(_SHIPPED_MINIMUM), 3),
            band=band(_SHIPPED_MINIMUM),
        )
        for name, calibration in {"all": learned.overall, **learned.languages}.items()
    }


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
