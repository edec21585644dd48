"""Incidents: each firing of an alert once, behind the SQL URL, with what became of it. An outbox that outlives its process."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from model_code import sql
from monitoring.alert_bridge.webhook import Alert

TABLE = sa.Table(
    "alert_incident",
    sql.metadata,
    sa.Column("fingerprint", sa.String, primary_key=True),
    sa.Column("starts_at", sql.UtcTime, primary_key=True),
    sa.Column("usecase", sa.String),
    sa.Column("alertname", sa.String, nullable=False),
    sa.Column("labels", sa.JSON, nullable=False),
    sa.Column("annotations", sa.JSON, nullable=False),
    sa.Column("received_at", sql.UtcTime, nullable=False),
    sa.Column("due_at", sql.UtcTime, index=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("sent", sa.Integer, nullable=False),
    sa.Column("sent_at", sql.UtcTime),
    sa.Column("looked_at", sql.UtcTime),
    sa.Column("looked_by", sa.String),
    sa.Column("ended_at", sql.UtcTime),
    sa.Column("error", sa.String),
)
# Of each use case: when a run that may act on it was last seen at work. Nothing overtakes one, however long it takes.
RUN_SEEN = sa.Table(
    "alert_run_seen",
    sql.metadata,
    sa.Column("usecase", sa.String, primary_key=True),
    sa.Column("seen_at", sql.UtcTime, nullable=False),
)
MAX_ERROR = 500
OFTEN_SENT = 3  # an event is sent again only where no run came of it
SERIES = "series"  # label of an alert about one entity
Key = tuple[str, datetime]


@dataclass(frozen=True)
class Incident:
    """One firing of one alert.

    Attributes:
        due_at: When to send its event (again); None: nothing is left to do.
        failures: How often in a row sending failed.
        sent: How often Prefect took an event of it.
        received_at: When it came; anew where it fires on after it was closed unseen.
        looked_at: When a flow looked at the use case after it was received; `looked_by` says which.
        ended_at: When Alertmanager called it resolved.
    """

    fingerprint: str
    starts_at: datetime
    usecase: str | None
    alertname: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    received_at: datetime
    due_at: datetime | None
    failures: int
    sent: int
    sent_at: datetime | None
    looked_at: datetime | None
    looked_by: str | None
    ended_at: datetime | None
    error: str | None

    @property
    def key(self) -> Key:
        """What makes it this incident and no other."""
        return self.fingerprint, self.starts_at

    @property
    def series(self) -> str | None:
        """That it is about; None where it is about all of the use case."""
        return self.labels.get(SERIES) or None


@dataclass(frozen=True)
class Kept:
    """What a post changed: incidents that are new, known already, ended."""

    new: int = 0
    known: int = 0
    ended: int = 0


class Incidents:
    """The incidents of all use cases behind one SQL engine; every method is one transaction."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        for table in (TABLE, RUN_SEEN):
            sql.create_table(engine, table)

    def keep(self, alerts: Iterable[Alert], now: datetime) -> Kept:
        """Make the alerts durable; the same firing again changes nothing, a resolved one ends its incident.

        Args:
            alerts: As Alertmanager sent them.
            now: When they came (aware).

        Raises:
            StoreError: The database cannot be written; nothing of the post was kept.
        """
        kept = {"new": 0, "known": 0, "ended": 0}
        with sql.transaction(self._engine) as connection:
            for alert in alerts:
                kept[self._fire(connection, alert, now) if alert.status == "firing" else self._end(connection, alert, now)] += 1
        return Kept(**kept)

    def claim(self, now: datetime, lease: timedelta, most: int = 20) -> list[Incident]:
        """Those that are due, longest waiting first; until the lease is over nobody else gets them.

        Who dies in between loses nothing: they fall due again.
        """
        query = sa.select(TABLE).where(TABLE.c.due_at <= now).order_by(TABLE.c.due_at).limit(most)
        with sql.transaction(self._engine) as connection:
            due = [Incident(**row) for row in connection.execute(query).mappings()]
            return [each for each in due if self._lease(connection, each, now + lease)]

    def sent(self, key: Key, now: datetime, again: datetime | None) -> None:
        """Prefect took its event; `again`: when to send once more unless a flow has looked by then."""
        self._update(key, sent=TABLE.c.sent + 1, sent_at=now, failures=0, error=None, due_at=self._unless_looked_at(again))

    def failed(self, key: Key, error: str, again: datetime) -> None:
        """Its event could not be handed over; it is tried again."""
        told = error[:MAX_ERROR]
        self._update(key, failures=TABLE.c.failures + 1, error=told, due_at=self._unless_looked_at(again))

    def postpone(self, key: Key, until: datetime) -> None:
        """Somebody else is at it: ask again then."""
        self._update(key, due_at=self._unless_looked_at(until))

    def saw_run(self, usecase: str, now: datetime) -> None:
        """A run that may act on the use case is at work: until now, what waited for it was not overdue."""
        new = sql.insert(self._engine, RUN_SEEN).values(usecase=usecase, seen_at=now)
        with sql.transaction(self._engine) as connection:
            connection.execute(new.on_conflict_do_update(index_elements=[RUN_SEEN.c.usecase], set_={"seen_at": now}))

    def give_up(self, incident: Incident, why: str) -> None:
        """Nothing more is sent, unless its alert was resolved or fires on since it was claimed; `error` says why."""
        as_claimed = TABLE.c.ended_at.is_not_distinct_from(incident.ended_at)
        given_up = sa.update(TABLE).where(*_is(incident.key), as_claimed).values(due_at=None, error=why[:MAX_ERROR])
        with sql.transaction(self._engine) as connection:
            connection.execute(given_up)

    def looked(self, usecase: str, received_until: datetime, by: str, now: datetime) -> int:
        """A flow looked at the use case: every incident received before it began is dealt with. How many that were."""
        return self._close((TABLE.c.usecase == usecase, TABLE.c.received_at <= received_until), by, now)

    def settled(self, incident: Incident, by: str, now: datetime) -> int:
        """An action dealt with what the incident is about: so it did with those about the same series received before it."""
        same_series = TABLE.c.labels[SERIES].as_string().is_not_distinct_from(incident.series)
        received = (TABLE.c.usecase == incident.usecase, TABLE.c.received_at <= incident.received_at)
        return self._close((*received, same_series), by, now)

    def all(self, *, waiting: bool = False) -> list[Incident]:
        """All incidents, or only those that still have something to send, in the order in which they were received."""
        query = sa.select(TABLE).order_by(TABLE.c.received_at, TABLE.c.fingerprint)
        if waiting:
            query = query.where(TABLE.c.due_at.is_not(None))
        with sql.transaction(self._engine) as connection:
            return [Incident(**row) for row in connection.execute(query).mappings()]

    def overdue_since(self) -> datetime | None:
        """Since when the oldest of those has waited that Prefect never took, or whose events started no look time and again.

        What was never sent has waited since it was received, or since a sender last saw a run at work on its use case: that is
        a moment ago while both are alive. What was sent time and again has waited since it was received, also after it was
        given up, until it ends. One that has just been sent is none of them.
        """
        unsent = sa.and_(TABLE.c.sent == 0, TABLE.c.due_at.is_not(None))
        unseen = sa.and_(TABLE.c.sent >= OFTEN_SENT, TABLE.c.ended_at.is_(None), TABLE.c.usecase.is_not(None))
        after_a_run = sa.and_(TABLE.c.sent == 0, RUN_SEEN.c.seen_at > TABLE.c.received_at)
        since = sa.case((after_a_run, RUN_SEEN.c.seen_at), else_=TABLE.c.received_at)
        query = (
            sa.select(sa.func.min(since, type_=sql.UtcTime))
            .select_from(TABLE.outerjoin(RUN_SEEN, RUN_SEEN.c.usecase == TABLE.c.usecase))
            .where(TABLE.c.looked_at.is_(None), sa.or_(unsent, unseen))
        )
        with sql.transaction(self._engine) as connection:
            found: datetime | None = connection.execute(query).scalar()
        return found

    def next_due(self) -> datetime | None:
        """When the next one falls due."""
        with sql.transaction(self._engine) as connection:
            found: datetime | None = connection.execute(sa.select(sa.func.min(TABLE.c.due_at, type_=sql.UtcTime))).scalar()
        return found

    def forget(self, before: datetime) -> int:
        """Drop those received before that moment which have nothing left to send; how many."""
        old = (TABLE.c.received_at < before, TABLE.c.due_at.is_(None))
        with sql.transaction(self._engine) as connection:
            return connection.execute(sa.delete(TABLE).where(*old)).rowcount

    def _fire(self, connection: sa.Connection, alert: Alert, now: datetime) -> str:
        """An incident that was called resolved only because Prometheus had gone quiet is open again.

        If it was closed before any flow looked, it begins anew: `received_at` makes other events of it than those of before.
        """
        anew = {"received_at": now, "due_at": now, "failures": 0, "sent": 0, "sent_at": None, "error": None}
        nobody_looked = (TABLE.c.looked_at.is_(None), TABLE.c.due_at.is_(None), TABLE.c.usecase.is_not(None))
        unseen = (*_is(_key(alert)), TABLE.c.ended_at.is_not(None), *nobody_looked)
        connection.execute(sa.update(TABLE).where(*unseen).values(**anew))
        known = connection.execute(
            sa.update(TABLE).where(*_is(_key(alert))).values(ended_at=None, labels=alert.labels, annotations=alert.annotations)
        ).rowcount
        if known:
            return "known"
        row = {
            "fingerprint": alert.fingerprint,
            "starts_at": alert.startsAt,
            "usecase": alert.usecase,
            "alertname": alert.name,
            "labels": alert.labels,
            "annotations": alert.annotations,
            **anew,
        }
        added = connection.execute(sql.insert(self._engine, TABLE).values(row).on_conflict_do_nothing()).rowcount
        return "new" if added else "known"

    def _end(self, connection: sa.Connection, alert: Alert, now: datetime) -> str:
        still_open = (*_is(_key(alert)), TABLE.c.ended_at.is_(None))
        ended = connection.execute(sa.update(TABLE).where(*still_open).values(ended_at=now)).rowcount
        return "ended" if ended else "known"

    def _lease(self, connection: sa.Connection, incident: Incident, until: datetime) -> bool:
        mine = (*_is(incident.key), TABLE.c.due_at == incident.due_at)
        return connection.execute(sa.update(TABLE).where(*mine).values(due_at=until)).rowcount == 1

    def _close(self, which: Iterable[sa.ColumnElement[bool]], by: str, now: datetime) -> int:
        """Nothing more is sent of those that nobody has looked at yet; how many they were."""
        closed = sa.update(TABLE).where(*which, TABLE.c.looked_at.is_(None)).values(looked_at=now, looked_by=by, due_at=None)
        with sql.transaction(self._engine) as connection:
            return connection.execute(closed).rowcount

    def _update(self, key: Key, **values: Any) -> None:
        with sql.transaction(self._engine) as connection:
            connection.execute(sa.update(TABLE).where(*_is(key)).values(**values))

    def _unless_looked_at(self, moment: datetime | None) -> Any:
        """A flow may have looked while its event was on the way: then nothing is due any more."""
        return sa.case((TABLE.c.looked_at.is_not(None), sa.null()), else_=sa.literal(moment, type_=sql.UtcTime))


def _key(alert: Alert) -> Key:
    return alert.fingerprint, alert.startsAt


def _is(key: Key) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return TABLE.c.fingerprint == key[0], TABLE.c.starts_at == key[1]
