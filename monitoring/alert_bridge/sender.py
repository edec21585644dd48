"""The sender: hands what is due to Prefect, again and again until a flow has looked; what fails is tried later."""

import hashlib
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import sqlalchemy as sa

from model_code import logs
from model_code.ledger import Ledger
from monitoring.alert_bridge.incidents import Incident, Incidents
from monitoring.alert_bridge.loop import Loop
from monitoring.alert_bridge.precedence import precedence
from monitoring.alert_bridge.prefect_api import AWAITED, PrefectApi, PrefectUnavailable

LOG = logging.getLogger("evenkeel.bridge")
EVENT = "evenkeel.alert"
ACTING = ("act", "rollback", "retrain", "recalibrate")  # flows that look and may act; the automation starts the first
INSTALLATION = "evenkeel.installation"  # resource of alerts that concern no single use case

LEASE = timedelta(seconds=15)
FIRST_RETRY, LONGEST_RETRY = timedelta(seconds=1), timedelta(seconds=30)
# Prefect keeps events in memory until a run is made of them: one that no flow looked at by then is sent once more.
FIRST_RESEND, LONGEST_RESEND = timedelta(seconds=20), timedelta(minutes=20)
MOST_SENT = 10  # about three hours of resending, then a person has to look
POLL = timedelta(seconds=1)
RUN_IS_DEAD = timedelta(hours=3)  # a retrain takes its time; two at once help nobody
IDLE_SECONDS = 1.0
KEPT_FOR = timedelta(days=180)


class Sender:
    """Works in its `loop`; any number of them may share a database.

    Args:
        engine: The database of incidents and ledger.
        prefect: Where events go.
        clock: Wall clock (aware).
    """

    def __init__(self, engine: sa.Engine, prefect: PrefectApi, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._engine = engine
        self._incidents = Incidents(engine)
        Ledger(engine)  # makes its table, which `precedence` reads, where nothing was ever released
        self._prefect = prefect
        self._clock = clock
        self.loop = Loop("sender", self._round, IDLE_SECONDS)
        self._forget_at = clock()
        self.prefect_answers: bool | None = None

    def send_due(self) -> int:
        """One pass over what is due now; how many were looked after.

        Raises:
            StoreError: The database cannot be read or written.
        """
        due = self._incidents.claim(self._clock(), LEASE)
        # All are judged before the first is sent: alerts of one post do not wait for each other's run.
        ready = self._each(due, lambda incident: not self._is_done(incident, self._clock()))
        self._each(ready, self._emit)
        return len(due)

    def _round(self) -> int:
        self._forget_old()
        return self.send_due()

    def _forget_old(self) -> None:
        now = self._clock()
        if now >= self._forget_at:
            self._incidents.forget(now - KEPT_FOR)
            self._forget_at = now + timedelta(days=1)

    def _each(self, incidents: Sequence[Incident], work: Callable[[Incident], bool]) -> list[Incident]:
        """Those of which `work` is true. Prefect being away ends the pass: the others do not wait for its time limit too."""
        good = []
        for number, incident in enumerate(incidents):
            with logs.bound(usecase=incident.usecase):
                try:
                    if work(incident):
                        good.append(incident)
                    continue
                except PrefectUnavailable as error:
                    self._put_off(incident, error)
            for other in incidents[number + 1 :]:
                self._incidents.postpone(other.key, self._clock() + FIRST_RETRY)
            break
        return good

    def _put_off(self, incident: Incident, error: PrefectUnavailable) -> None:
        self.prefect_answers = False
        again = self._clock() + min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(incident.failures, 10))
        self._incidents.failed(incident.key, str(error), again)
        LOG.warning("%s of %s waits: %s", incident.alertname, incident.usecase or "all", error)

    def _is_done(self, incident: Incident, now: datetime) -> bool:
        """Whether nothing is to be sent now: given up, resolved since, dealt with, or somebody is at it."""
        if incident.sent >= MOST_SENT:
            self._incidents.give_up(incident, f"no flow looked at it after {incident.sent} events")
            LOG.error("%s of %s: no flow looked at it after %d events", incident.alertname, incident.usecase, incident.sent)
            return True
        if incident.sent and incident.ended_at is not None:
            self._incidents.give_up(incident, "resolved before a flow looked at it")
            return True
        if incident.usecase is None:
            return False
        first = precedence(self._engine, incident.usecase, now, incident.series)
        if first == "dealt with":
            self._incidents.settled(incident, "the policy's own action", now)
            LOG.info("%s of %s is about what was just acted on", incident.alertname, incident.usecase)
            return True
        if first == "wait" or self._is_under_way(incident.usecase, now):
            self._incidents.postpone(incident.key, now + POLL)
            return True
        return False

    def _is_under_way(self, usecase: str, now: datetime) -> bool:
        """Whether a run for the use case is waited for. One that no worker has taken up is no excuse for a long wait."""
        states = self._prefect.looks_under_way(ACTING, usecase, RUN_IS_DEAD)
        if states - {AWAITED}:
            self._incidents.saw_run(usecase, now)
        return bool(states)

    def _emit(self, incident: Incident) -> bool:
        """An event's identity changes only once Prefect took the one before: a lost answer makes no second event."""
        now = self._clock()
        self._prefect.emit(event_id(incident), f"{EVENT}.{incident.alertname}", _resource(incident), _payload(incident), now)
        self.prefect_answers = True
        waits_for_a_look = incident.usecase is not None
        again = now + min(LONGEST_RESEND, FIRST_RESEND * 2 ** max(0, incident.sent - 1)) if waits_for_a_look else None
        self._incidents.sent(incident.key, now, again)
        LOG.info("%s of %s became event %s", incident.alertname, incident.usecase or "all", event_id(incident))
        return True


def event_id(incident: Incident) -> UUID:
    """Of the incident's next event: the same in every process, another one after each that Prefect took."""
    text = f"{incident.fingerprint} {incident.starts_at.isoformat()} {incident.received_at.isoformat()} {incident.sent}"
    return UUID(bytes=hashlib.sha256(text.encode()).digest()[:16], version=4)


def _resource(incident: Incident) -> dict[str, str]:
    if incident.usecase is None:
        return {"prefect.resource.id": INSTALLATION}
    return {"prefect.resource.id": f"evenkeel.usecase.{incident.usecase}", "evenkeel.usecase": incident.usecase}


def _payload(incident: Incident) -> dict[str, object]:
    return {
        "alertname": incident.alertname,
        "severity": incident.labels.get("severity", ""),
        "fingerprint": incident.fingerprint,
        "starts_at": incident.starts_at.isoformat(),
        "received_at": incident.received_at.isoformat(),
        "labels": dict(incident.labels),
        "annotations": dict(incident.annotations),
    }
