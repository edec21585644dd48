"""The notifier: tells everybody of each incident's beginning, news and end, once; what fails is tried again by the next run."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from model_code import sql
from model_code.ledger import Entry, Ledger
from monitoring.notify.incidents import Incident, News, incidents_of
from monitoring.notify.message import Kind, Message, message_of, news_of
from monitoring.notify.targets import Target

LOG = logging.getLogger("evenkeel.notify")
RECENT = timedelta(days=7)  # what is older is history: nobody is told of it any more
MOST_MESSAGES = 20  # of one run; the next one goes on
ANOTHERS_TURN_SECONDS = 30.0
TOLD: Mapping[Kind, str] = {
    "opened": "an incident of {} opened",
    "news": "an incident of {} goes on",
    "ended": "an incident of {} ended",
    "asked": "a person is awaited for {}",
    "unanswered": "a question about {} was not answered in time",
}

TABLE = sa.Table(
    "notification",
    sql.metadata,
    sa.Column("usecase", sa.String, primary_key=True),
    sa.Column("incident", sa.String, primary_key=True),
    sa.Column("kind", sa.String, primary_key=True),
    sa.Column("target", sa.String, primary_key=True),
    sa.Column("told_at", sql.UtcTime, nullable=False),
)


@dataclass(frozen=True)
class Telling:
    """One thing that there is to tell of an incident.

    Attributes:
        key: The same in every process; with `kind` its identity.
        entry: That tells it.
    """

    incident: Incident
    kind: Kind
    key: str
    entry: Entry
    news: News | None = None

    def message(self, links: Mapping[str, str]) -> Message:
        """What is said."""
        if self.news is not None:
            return news_of(self.news, links)
        return message_of(self.incident, "opened" if self.kind == "opened" else "ended", links)


def tellings_of(incident: Incident) -> Iterator[Telling]:
    """Beginning, news and end of an incident, as far as they have come."""
    yield Telling(incident, "opened", incident.key, incident.opened)
    yield from (Telling(incident, "news", news.key, news.entry, news) for news in incident.news)
    if incident.ended is not None:
        yield Telling(incident, "ended", incident.key, incident.ended)


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
            return sum(self._send(telling, target, now, links) for telling, target in due)

    def say(self, usecase: str, key: str, message: Message, now: datetime) -> int:
        """Send a message that belongs to no incident, to each target once; how many took it.

        Args:
            usecase: What it is about.
            key: With the message's kind its identity: the same in every process that may want to send it.
            message: What is said.
            now: Wall clock (aware).

        Raises:
            StoreError: The database cannot be read or written.
        """
        known = self._known(usecase)
        due = [target for target in self._targets if (key, message.kind, target.identity) not in known]
        return sum(self._deliver(usecase, key, message, target, now) for target in due)

    def _due(self, usecase: str, now: datetime) -> list[tuple[Telling, Target]]:
        """News and end of an incident are told to those who were told of its beginning, or are now."""
        known, due = self._known(usecase), []
        for incident in incidents_of(self._ledger.entries(usecase)):
            for target in self._targets:
                wanted = [each for each in tellings_of(incident) if _is_recent(each.entry, now)]
                if (incident.key, "opened", target.identity) not in known and not _is_recent(incident.opened, now):
                    continue
                due += [(each, target) for each in wanted if (each.key, each.kind, target.identity) not in known]
        return due

    def _send(self, telling: Telling, target: Target, now: datetime, links: Mapping[str, str]) -> bool:
        incident, kind = telling.incident, telling.kind
        if kind != "opened" and (incident.key, "opened", target.identity) not in self._known(incident.usecase):
            return False  # its beginning was not taken just now
        return self._deliver(incident.usecase, telling.key, telling.message(links), target, now)

    def _deliver(self, usecase: str, key: str, message: Message, target: Target, now: datetime) -> bool:
        wrong = target.send(message)
        if wrong is not None:
            LOG.warning("%s was not told that %s: %s", target.kind, TOLD[message.kind].format(usecase), wrong)
            return False
        row = {"usecase": usecase, "incident": key, "kind": message.kind, "target": target.identity, "told_at": now}
        with sql.transaction(self._engine) as connection:
            connection.execute(sql.insert(self._engine, TABLE).values(row).on_conflict_do_nothing())
        return True

    def _known(self, usecase: str) -> set[tuple[str, str, str]]:
        query = sa.select(TABLE.c.incident, TABLE.c.kind, TABLE.c.target).where(TABLE.c.usecase == usecase)
        with sql.transaction(self._engine) as connection:
            return {(row.incident, row.kind, row.target) for row in connection.execute(query)}


def _is_recent(entry: Entry, now: datetime) -> bool:
    return now - (entry.recorded_at or entry.at) <= RECENT
