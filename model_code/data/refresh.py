"""Refresh: what is missing or may have been revised is fetched, validated, and appended; twice is as good as once."""

from collections import Counter
from datetime import date, datetime, timedelta

import pandas as pd
from pydantic import BaseModel, ConfigDict

from model_code.data.arrival import with_known_at
from model_code.data.frames import utc
from model_code.data.plan import Span, entities_of, published, spans
from model_code.data.sequence import Gap, clock_changes, gaps
from model_code.data.source import Source
from model_code.data.store import ObservationStore
from model_code.data.validation import validate
from model_code.errors import TooLittleData
from model_code.usecase import UseCase

CONTEXT = timedelta(days=30)
"""How far before a page its neighbours are looked for: a stuck sensor's last good row may be that old."""

GAPS_REPORTED = 100

COUNTS = ("fetched", "good", "inserted", "revised", "duplicates", "refused", "quarantined", "unconfirmed")


class RefreshReport(BaseModel):
    """What a refresh of one feed did, and how fresh the feed is now.

    Attributes:
        usecase: Name of the use case.
        feed: Name of the feed.
        start: First time asked for (UTC).
        end: First time not asked for (UTC).
        fetched: Rows that the source gave.
        good: Credible ones among them.
        expected: Rows that the range should have by now; 0 for feeds without a step.
        inserted: Rows that were new to the table.
        revised: Those of them that changed a value known before.
        duplicates: Good rows that were known already.
        refused: Rows that were not credible.
        quarantined: Those of them that were not in quarantine yet.
        reasons: Reason -> refused rows.
        unconfirmed: Last rows that jump; they are asked for again, the next row tells whether it was a spike.
        gaps: The newest 100 places in the range where rows are missing between two others.
        missing: Rows missing in all gaps.
        clock_changes: Local days in the range that have not 24 hours; they are no gaps.
        version: Table version after the refresh.
        newest_time: Latest time in the table (UTC).
        newest_by_entity: Entity -> its latest time (UTC).
        freshness_seconds: Seconds from the newest time to now; negative for a forecast.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    usecase: str
    feed: str
    start: datetime
    end: datetime
    fetched: int
    good: int
    expected: int
    inserted: int
    revised: int
    duplicates: int
    refused: int
    quarantined: int
    reasons: dict[str, int]
    unconfirmed: int
    gaps: tuple[Gap, ...]
    missing: int
    clock_changes: tuple[date, ...]
    version: int
    newest_time: datetime
    newest_by_entity: dict[str, datetime]
    freshness_seconds: float


def refresh(
    usecase: UseCase,
    feed_name: str,
    source: Source,
    store: ObservationStore,
    now: datetime,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
) -> RefreshReport:
    """Brings one feed up to date as of `now`.

    Asks from `revision_window` before the newest known row (the first time: from `history_from`), so that missed
    runs heal. Works piece by piece in order of time, each stored in one commit: killed anywhere and run
    again, the end is the same. A row that repeats what is known is dropped; a changed one becomes a revision.
    Where the source does not tell since when a row is known, `arrival.with_known_at` says.

    Where the source does not tell when a row became known: a changed value is known from `now`. A first value is
    known from `now`, too, if it fills a hole between rows known before (it came late) or is at most a day overdue;
    an older one is history and is *assumed* to have come when due, `publication_delay` after its period.

    Args:
        usecase: The use case.
        feed_name: One of its feeds.
        source: Where the rows come from.
        store: Where they go to.
        now: The present (aware).
        start: Backfill: ask from here.
        end: Backfill: ask until here.

    Raises:
        SourceError: The source failed; what was complete before is stored.
        StoreError: The store failed.
        TooLittleData: Fewer than `min_yield` of the expected rows are good; those are stored, the refused quarantined.
    """
    run = _Run(usecase, feed_name, source, store, utc(now))
    asked = spans(usecase.spec, run.feed, run.known, now, start, end)
    for span in asked:
        run.take(span)
    return run.report(asked[0])


def backfill(
    usecase: UseCase, feed_name: str, source: Source, store: ObservationStore, now: datetime, start: datetime, end: datetime
) -> RefreshReport:
    """Asks again for a range; what is known already stays as it is. See `refresh`."""
    return refresh(usecase, feed_name, source, store, now, start=start, end=end)


class _Run:
    """One refresh under way: its parts, the table's state before it, and what it did so far."""

    def __init__(self, usecase: UseCase, feed_name: str, source: Source, store: ObservationStore, now: pd.Timestamp) -> None:
        self.usecase, self.feed_name, self.source, self.store, self.now = usecase, feed_name, source, store, now
        self.feed = usecase.spec.feeds[feed_name]
        self.known = store.time_ranges(usecase.name, feed_name, now)
        self.count: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.credible: list[pd.DataFrame] = []

    def take(self, span: Span) -> None:
        """Fetches and stores one span, piece by piece; a jump at the end of a piece is judged with the next one."""
        open_rows = self._no_rows()
        for piece in span.pieces(self.feed.step, len(span.entities) or len(self.known)):
            pages = list(self.source.fetch(piece.start, piece.end, self.now, list(piece.entities)))
            self.count["fetched"] += sum(len(page) for page in pages)
            rows = [page for page in (open_rows, *pages) if len(page)]
            if rows:
                open_rows = self._store(piece, pd.concat(rows, ignore_index=True) if len(rows) > 1 else rows[0])
        self.count["unconfirmed"] += len(open_rows)
        self.credible.append(open_rows[["entity", "time"]])

    def _store(self, piece: Span, rows: pd.DataFrame) -> pd.DataFrame:
        """Validates and stores; returns the rows that are still open. Refused rows first: they are asked for again."""
        name, feed_name = self.usecase.name, self.feed_name
        history = self._history(min(piece.start, utc(rows["time"].min())), piece.end)
        validated = validate(
            rows, self.feed, step=self.feed.step, now=self.now, context=_newest(history), timezone=self.usecase.spec.timezone
        )
        good = with_known_at(validated.good, history, self.known, self.feed, self.now)
        self.count["quarantined"] += self.store.quarantine(name, feed_name, validated.bad, self.now)
        appended = self.store.append(name, feed_name, good, skip_unchanged=True)
        self.count["refused"] += len(validated.bad)
        self.count["good"] += len(good)
        self.count["inserted"] += appended.inserted
        self.count["duplicates"] += appended.duplicates
        self.count["revised"] += appended.revised
        self.reasons.update(validated.bad["reason"].tolist())
        self.credible.append(good[["entity", "time"]])
        return validated.unconfirmed

    def _history(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        """Every revision known in a range, and around it as far as validation looks."""
        if not self.store.exists(self.usecase.name, self.feed_name):
            return self._no_rows()
        after = end + (self.feed.step or timedelta(0))
        return self.store.revisions(self.usecase.name, self.feed_name, until=self.now, start=start - CONTEXT, end=after)

    def _no_rows(self) -> pd.DataFrame:
        moments = pd.Series([], dtype="datetime64[us, UTC]")
        values = {name: pd.Series([], dtype=float) for name in self.feed.columns}
        return pd.DataFrame({"entity": pd.Series([], dtype=object), "time": moments, "known_at": moments, **values})

    def report(self, main: Span) -> RefreshReport:
        """What was done in all; fails if that is too little."""
        expected, found = self._yield(main)
        newest = self.store.latest_times(self.usecase.name, self.feed_name, self.now)
        if not newest or found < self.feed.min_yield * expected:
            raise self._too_little(main, found, expected)
        table = self.store.as_of(self.usecase.name, self.feed_name, self.now, start=main.start, end=main.end)
        holes = gaps(table, self.feed.step) if self.feed.step else ()
        newest_time = max(newest.values())
        return RefreshReport(
            usecase=self.usecase.name,
            feed=self.feed_name,
            start=main.start,
            end=main.end,
            expected=expected,
            **{name: self.count[name] for name in COUNTS},
            reasons=dict(self.reasons.most_common()),
            gaps=tuple(sorted(holes, key=lambda gap: gap.start))[-GAPS_REPORTED:],
            missing=sum(gap.missing for gap in holes),
            clock_changes=clock_changes(main.start, main.end, self.usecase.spec.timezone),
            version=self.store.version(self.usecase.name, self.feed_name),
            newest_time=newest_time,
            newest_by_entity=newest,
            freshness_seconds=(self.now - newest_time).total_seconds(),
        )

    def _yield(self, main: Span) -> tuple[int, int]:
        """Rows that the main span should have by now, and how many different ones it brought."""
        rows = pd.concat(self.credible, ignore_index=True).drop_duplicates()
        if self.feed.step is None:
            return 0, len(rows)
        end = min(main.end, published(self.feed, self.now), self.now)
        inside = rows[(rows["time"] >= main.start) & (rows["time"] < end)]
        entities = len(entities_of(self.usecase.spec, self.feed)) or max(1, inside["entity"].nunique())
        return entities * max(0, (end - main.start) // self.feed.step), len(inside)

    def _too_little(self, main: Span, found: int, expected: int) -> TooLittleData:
        refused = ", ".join(f"{count} {reason}" for reason, count in self.reasons.most_common(3))
        return TooLittleData(
            f"{self.usecase.name}/{self.feed_name}: {found} good rows of {expected} expected between {main.start.isoformat()} "
            f"and {main.end.isoformat()}; {self.count['fetched']} fetched, {self.count['refused']} refused"
            + (f" ({refused})" if refused else ""),
            hint="what was good is stored, the rest is in quarantine; look at the source, then refresh again",
        )


def _newest(history: pd.DataFrame) -> pd.DataFrame:
    """Of revisions sorted by the key, the last of each entity and time."""
    return history.drop_duplicates(["entity", "time"], keep="last")
