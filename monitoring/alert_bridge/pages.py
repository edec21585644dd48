"""Pages: who was told of which alert for a person, behind the SQL URL, and what is still to be told. Outlives its process."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from model_code import sql
from monitoring.alert_bridge.incidents import TABLE as INCIDENTS
from monitoring.alert_bridge.incidents import Incident, Key
from monitoring.notify.notifier import RECENT
from monitoring.notify.notifier import TABLE as LEDGER_MESSAGES

PAGE = "page"  # severity: a person, now
MOST_DUE = 1000
Kind = Literal["opened", "ended"]

TABLE = sa.Table(
    "alert_page",
    sql.metadata,
    sa.Column("fingerprint", sa.String, primary_key=True),
    sa.Column("starts_at", sql.UtcTime, primary_key=True),
    sa.Column("target", sa.String, primary_key=True),
    sa.Column("told", sa.String, nullable=False),  # the latest: opened, ended; or ledger, whose messages tell of it
    sa.Column("told_at", sql.UtcTime, nullable=False),
    sa.ForeignKeyConstraint(
        ["fingerprint", "starts_at"], ["alert_incident.fingerprint", "alert_incident.starts_at"], ondelete="CASCADE"
    ),
)
TARGETS = sa.Table(
    "page_target",
    sql.metadata,
    sa.Column("target", sa.String, primary_key=True),
    sa.Column("known_since", sql.UtcTime, nullable=False),
)


@dataclass(frozen=True)
class Page:
    """One thing that a target is to be told.

    Attributes:
        again: Whether it was told of the incident's end, which was none.
    """

    incident: Incident
    kind: Kind
    again: bool = False


class Pages:
    """The pages of all targets behind one SQL engine; every method is one transaction.

    Args:
        engine: The database of the bridge's incidents, whose table is there.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        for table in (LEDGER_MESSAGES, TABLE, TARGETS):
            sql.create_table(engine, table)

    def meet(self, target: str, now: datetime) -> None:
        """From now on it is told; what was over by the time it was first met is not."""
        row = {"target": target, "known_since": now}
        with sql.transaction(self._engine) as connection:
            connection.execute(sql.insert(self._engine, TARGETS).values(row).on_conflict_do_nothing())

    def due(self, target: str, now: datetime) -> list[Page]:
        """What there is to tell it, oldest first: beginnings that it does not know of, ends of those that it was told of."""
        told, ended = TABLE.c.told, INCIDENTS.c.ended_at
        mine = (TABLE.c.fingerprint == INCIDENTS.c.fingerprint, TABLE.c.starts_at == INCIDENTS.c.starts_at)
        since = sa.select(TARGETS.c.known_since).where(TARGETS.c.target == target).scalar_subquery()
        query = (
            sa.select(INCIDENTS, told)
            .outerjoin(TABLE, sa.and_(*mine, TABLE.c.target == target))
            .where(INCIDENTS.c.labels["severity"].as_string() == PAGE)
            .where(sa.or_(ended.is_(None), sa.and_(ended >= since, ended > now - RECENT)))
            .where(sa.case((told.is_(None), True), (told == "opened", ended.is_not(None)), (told == "ended", ended.is_(None))))
            .order_by(INCIDENTS.c.received_at, INCIDENTS.c.fingerprint)
            .limit(MOST_DUE)
        )
        with sql.transaction(self._engine) as connection:
            return [_page(dict(row)) for row in connection.execute(query).mappings()]

    def told(self, keys: Iterable[Key], target: str, what: Kind | Literal["ledger"], now: datetime) -> None:
        """It knows of these now."""
        with sql.transaction(self._engine) as connection:
            for fingerprint, starts_at in keys:
                row = {"fingerprint": fingerprint, "starts_at": starts_at, "target": target, "told": what, "told_at": now}
                added = sql.insert(self._engine, TABLE).values(row)
                changed = {"told": what, "told_at": now}
                connection.execute(added.on_conflict_do_update(index_elements=list(TABLE.primary_key), set_=changed))

    def ledger_told(self, usecase: str, target: str, after: datetime, until: datetime) -> bool:
        """Whether it was told in that time of the beginning of an incident of the ledger, or of news."""
        messages = LEDGER_MESSAGES.c
        query = sa.select(sa.func.count()).where(
            messages.usecase == usecase,
            messages.target == target,
            messages.kind.in_(("opened", "news")),
            messages.told_at.between(after, until),
        )
        with sql.transaction(self._engine) as connection:
            return bool(connection.execute(query).scalar())


def _page(row: dict[str, object]) -> Page:
    told = row.pop("told")
    incident = Incident(**row)  # type: ignore[arg-type]
    ends = told == "opened"
    return Page(incident, "ended" if ends else "opened", again=told == "ended")
