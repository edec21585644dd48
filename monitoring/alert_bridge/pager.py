"""The pager: tells people of each alert of severity `page`, once when it fires and once when it is over; what fails is tried again."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from model_code import sql
from model_code.errors import ConfigurationError
from monitoring.alert_bridge.incidents import Incidents
from monitoring.alert_bridge.loop import Loop
from monitoring.alert_bridge.page_message import page_message
from monitoring.alert_bridge.pages import Page, Pages
from monitoring.notify.targets import Target

LOG = logging.getLogger("evenkeel.bridge")
IDLE_SECONDS = 5.0
MOST_MESSAGES = 20  # to one target in one round; the next one goes on
FIRST_RETRY, LONGEST_RETRY = timedelta(seconds=5), timedelta(minutes=1)
ANOTHERS_TURN_SECONDS = 1.0
# What the monitor's gauges raise, the same run tells of by itself, with the evidence: it is waited for, and not repeated.
JUDGED = ("model", "data")  # owners of those alerts
LEDGERS_TURN = timedelta(seconds=60)
SAME_LOOK = timedelta(minutes=5)  # between a run's message and the alert on what it wrote
Group = tuple[str, str | None, str]


@dataclass
class _Refusal:
    """A message that its target did not take."""

    since: datetime
    times: int = 0


class Pager:
    """Works in its `loop`; any number of them may share a database. Killed between a message and its record, it tells it twice.

    Args:
        engine: The database of incidents and ledger.
        targets: Everybody who is told, asked anew each round.
        clock: Wall clock (aware).
    """

    def __init__(
        self,
        engine: sa.Engine,
        targets: Callable[[], Sequence[Target]],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine = engine
        Incidents(engine)  # makes its table
        self._pages = Pages(engine)
        self._targets = targets
        self._clock = clock
        self._complaint = ""
        self._failed: Counter[str] = Counter()
        self._refused: dict[tuple[str, Group], _Refusal] = {}
        self._unreadable_since: datetime | None = None
        self._failing_since: datetime | None = None
        self._again_at: dict[str, datetime] = {}
        self.loop = Loop("pager", self.tell_due, IDLE_SECONDS)

    def tell_due(self) -> int:
        """One round over all targets; how many messages were taken.

        Raises:
            StoreError: The database cannot be read or written.
        """
        try:
            told = self._tell_all()
        except Exception:
            self._failing_since = self._failing_since or self._clock()
            raise
        self._failing_since = None
        return told

    def _tell_all(self) -> int:
        everybody = self._everybody()
        self._forget(lambda who, _group: who not in {target.identity for target in everybody})
        return sum(self._tell_if_due(target) for target in everybody)

    def undelivered_since(self) -> datetime | None:
        """Since when somebody could not be told. None where all goes well.

        A target refuses, or who it is cannot be read, or no round comes to its end: the database is away.
        """
        since = [self._unreadable_since, self._failing_since, *(refusal.since for refusal in list(self._refused.values()))]
        return min((each for each in since if each is not None), default=None)

    def _everybody(self) -> Sequence[Target]:
        """Whom to tell; that there is nobody, or that it cannot be read, is said once."""
        found: Sequence[Target] = []
        try:
            found = self._targets()
            self._unreadable_since = None
            complaint = "" if found else "neither EVENKEEL_NOTIFY_URLS nor EVENKEEL_NOTIFY_FILE names anybody"
        except ConfigurationError as error:
            self._unreadable_since = self._unreadable_since or self._clock()
            complaint = str(error)
        if complaint and complaint != self._complaint:
            LOG.warning("pages reach nobody: %s", complaint)
        self._complaint = complaint
        return found

    def _tell_if_due(self, target: Target) -> int:
        now, who = self._clock(), target.identity
        self._pages.meet(who, now)
        if now < self._again_at.get(who, now):
            return 0
        if not self._pages.due(who, now):
            self._forget(lambda whom, _group: whom == who)
            return 0
        try:
            with sql.exclusive(self._engine, f"page-{who}", ANOTHERS_TURN_SECONDS):
                return self._tell(target, self._pages.due(who, now))
        except sql.Locked:  # another bridge tells it
            return 0

    def _tell(self, target: Target, due: Sequence[Page]) -> int:
        """Send in turn until one is refused; the one refused most often comes last, so that it holds up no other."""
        who = target.identity
        groups = self._groups(who, due)
        self._forget(lambda whom, group: whom == who and group not in groups)
        in_turn = sorted(groups, key=lambda group: self._refused[who, group].times if (who, group) in self._refused else 0)
        for told, group in enumerate(in_turn[:MOST_MESSAGES]):
            if self.loop.ends or not self._send(target, group, groups[group]):
                return told
        return min(len(in_turn), MOST_MESSAGES)

    def _groups(self, who: str, due: Sequence[Page]) -> dict[Group, list[Page]]:
        """What is told in one message, as Alertmanager groups it: the alerts of one name and use case."""
        found: dict[Group, list[Page]] = {}
        for page in due:
            if not self._is_the_ledgers(page, who):
                found.setdefault((page.incident.alertname, page.incident.usecase, page.kind), []).append(page)
        return found

    def _is_the_ledgers(self, page: Page, who: str) -> bool:
        """Whether the run that raised it has told of it, or may be about to."""
        incident, now = page.incident, self._clock()
        if page.kind == "ended" or page.again or incident.usecase is None or incident.labels.get("owner") not in JUDGED:
            return False
        turn = incident.received_at + LEDGERS_TURN
        if self._pages.ledger_told(incident.usecase, who, incident.received_at - SAME_LOOK, turn):
            self._pages.told([incident.key], who, "ledger", now)
            return True
        return now < turn

    def _send(self, target: Target, group: Group, pages: Sequence[Page]) -> bool:
        name, usecase, kind = group
        now, who = self._clock(), target.identity
        wrong = target.send(page_message(pages[0].kind, [page.incident for page in pages]))
        if wrong is None:
            self._pages.told([page.incident.key for page in pages], who, pages[0].kind, now)
            del self._failed[who]
            self._refused.pop((who, group), None)
            LOG.info("%s was told that %s of %s %s", target.kind, name, usecase or "all", kind)
            return True
        self._again_at[who] = now + min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(self._failed[who], 10))
        self._failed[who] += 1
        self._refused.setdefault((who, group), _Refusal(now)).times += 1
        LOG.error("%s was not told that %s of %s %s, it is tried again: %s", target.kind, name, usecase or "all", kind, wrong)
        return False

    def _forget(self, over: Callable[[str, Group], bool]) -> None:
        """Refusals of what is no longer to be told, or was told by another bridge."""
        self._refused = {key: refusal for key, refusal in self._refused.items() if not over(*key)}
