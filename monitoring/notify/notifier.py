"""The notifier: tells everybody of each incident's beginning, news and end, once; what fails is tried again by the next run."""

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
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
MOST_MESSAGES = 20  # of one run to one target; the next run goes on
MOST_REFUSALS = 2  # of one run by one target, which may take ten seconds each
ANOTHERS_TURN_SECONDS = 30.0
Known = tuple[str, str, str]  # key, kind and target of a message that was taken
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
        """Send every message that is due; how many were taken. What one target refuses holds up no other, nor its own newer ones.

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
            incidents, known = incidents_of(self._ledger.entries(usecase)), self._known(usecase)
            return sum(self._tell(target, _due(incidents, known, target, now), now, links) for target in self._targets)

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

    def _tell(self, target: Target, due: Sequence[Sequence[Telling]], now: datetime, links: Mapping[str, str]) -> int:
        """Send oldest incident first, after a refusal newest first: one message that is never taken holds up nothing else."""
        taken = refused = 0
        left = deque(due)
        while left:
            for telling in left.pop() if refused else left.popleft():
                if taken == MOST_MESSAGES or refused == MOST_REFUSALS:
                    return taken
                if self._deliver(telling.incident.usecase, telling.key, telling.message(links), target, now):
                    taken += 1
                    continue
                refused += 1
                if telling.kind == "opened":  # what follows is told to those who know of the beginning
                    break
        return taken

    def _deliver(self, usecase: str, key: str, message: Message, target: Target, now: datetime) -> bool:
        wrong = target.send(message)
        if wrong is not None:
            LOG.warning("%s was not told that %s: %s", target.kind, TOLD[message.kind].format(usecase), wrong)
            return False
        row = {"usecase": usecase, "incident": key, "kind": message.kind, "target": target.identity, "told_at": now}
        with sql.transaction(self._engine) as connection:
            connection.execute(sql.insert(self._engine, TABLE).values(row).on_conflict_do_nothing())
        return True

    def _known(self, usecase: str) -> set[Known]:
        query = sa.select(TABLE.c.incident, TABLE.c.kind, TABLE.c.target).where(TABLE.c.usecase == usecase)
        with sql.transaction(self._engine) as connection:
            return {(row.incident, row.kind, row.target) for row in connection.execute(query)}


def _due(incidents: Iterable[Incident], known: Set[Known], target: Target, now: datetime) -> list[list[Telling]]:
    """What there is to tell a target, by incident: news and end to those who were told of its beginning, or are now."""
    due = []
    for incident in incidents:
        if (incident.key, "opened", target.identity) in known or _is_recent(incident.opened, now):
            recent = [each for each in tellings_of(incident) if _is_recent(each.entry, now)]
            due.append([each for each in recent if (each.key, each.kind, target.identity) not in known])
    return due


def _is_recent(entry: Entry, now: datetime) -> bool:
    return now - (entry.recorded_at or entry.at) <= RECENT
