"""The notifier: tells everybody of each incident's beginning and end, once; what fails is tried again by the next run."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import get_args

import sqlalchemy as sa

from model_code import sql
from model_code.ledger import Ledger
from monitoring.notify.incidents import Incident, incidents_of
from monitoring.notify.message import Kind, message_of
from monitoring.notify.targets import Target

LOG = logging.getLogger("evenkeel.notify")
RECENT = timedelta(days=7)  # an older incident is history: nobody is told of it any more
MOST_MESSAGES = 20  # of one run; the next one goes on
ANOTHERS_TURN_SECONDS = 30.0

TABLE = sa.Table(
    "notification",
    sql.metadata,
    sa.Column("usecase", sa.String, primary_key=True),
    sa.Column("incident", sa.String, primary_key=True),
    sa.Column("kind", sa.String, primary_key=True),
    sa.Column("target", sa.String, primary_key=True),
    sa.Column("told_at", sql.UtcTime, nullable=False),
)


class Notifier:
    """Tells the targets what the ledger holds.

    A run that is killed between a message and its record tells that one target twice, rather than never.

    Args:
        engine: The database of the ledger.
        told: Everybody who is told.
    """

    def __init__(self, engine: sa.Engine, told: Sequence[Target]) -> None:
        self._engine = engine
        self._targets = told
        self._ledger = Ledger(engine)
        sql.create_table(engine, TABLE)

    def tell(self, usecase: str, now: datetime, links: Mapping[str, str]) -> int:
        """Send every message that is due; how many were taken.

        Args:
            usecase: Whose incidents.
            now: Wall clock (aware).
            links: Where to read on, by what it is.

        Raises:
            StoreError: The database cannot be read or written, or another run takes too long to send.
        """
        if not self._targets:
            return 0
        with sql.exclusive(self._engine, f"notify-{usecase}", ANOTHERS_TURN_SECONDS):
            due = self._due(usecase, now)[:MOST_MESSAGES]
            return sum(self._send(incident, kind, target, now, links) for incident, kind, target in due)

    def _due(self, usecase: str, now: datetime) -> list[tuple[Incident, Kind, Target]]:
        """The end of an incident is told to those who were told of its beginning."""
        known, due = self._known(usecase), []
        for incident in incidents_of(self._ledger.entries(usecase)):
            if now - (incident.opened.recorded_at or incident.opened.at) > RECENT:
                continue
            kinds: tuple[Kind, ...] = get_args(Kind) if incident.ended else ("opened",)
            due += [
                (incident, kind, target)
                for target in self._targets
                for kind in kinds
                if (incident.key, kind, target.identity) not in known
            ]
        return due

    def _send(self, incident: Incident, kind: Kind, target: Target, now: datetime, links: Mapping[str, str]) -> bool:
        if kind == "ended" and (incident.key, "opened", target.identity) not in self._known(incident.usecase):
            return False  # its beginning was not taken just now
        wrong = target.send(message_of(incident, kind, links))
        if wrong is not None:
            LOG.warning("%s was not told that an incident of %s %s: %s", target.kind, incident.usecase, kind, wrong)
            return False
        row = {"usecase": incident.usecase, "incident": incident.key, "kind": kind, "target": target.identity, "told_at": now}
        with sql.transaction(self._engine) as connection:
            connection.execute(sql.insert(self._engine, TABLE).values(row).on_conflict_do_nothing())
        return True

    def _known(self, usecase: str) -> set[tuple[str, str, str]]:
        query = sa.select(TABLE.c.incident, TABLE.c.kind, TABLE.c.target).where(TABLE.c.usecase == usecase)
        with sql.transaction(self._engine) as connection:
            return {(row.incident, row.kind, row.target) for row in connection.execute(query)}
