"""Monitor: join the truth, measure, let the policy judge, keep the verdict, and say *look* where something should act."""

from datetime import UTC, datetime
from typing import Any

from prefect import flow, get_run_logger

from flows import artifacts
from flows.events import BREACH, look
from flows.notices import tell
from flows.params import MonitorParams
from flows.report import keep_report
from flows.side_effects import carry_out
from flows.told import TOLD
from model_code.installation import Installation
from model_code.ledger import Entry
from monitoring import judgement
from monitoring.gauges import Gauge, GaugeStore
from monitoring.readings import readings
from monitoring.recovery import recovery_of
from monitoring.reports.gauges import report_gauges
from monitoring.reports.publish import find_if_due, links
from monitoring.yardsticks import EVERY_RUN, level_thresholds, yardsticks

OUTCOME = "outcome"


@flow(name="monitor", persist_result=True, result_serializer="json", **TOLD)
def monitor(params: MonitorParams) -> dict[str, Any]:
    """Judge the use case as known now; exported gauges, a ledger note, and an event where the verdict is not to hold."""
    looked_at = datetime.now(UTC)
    place = Installation.open(params.usecase)
    now = place.present(params.now)
    found = find_if_due(place, now)
    drift, breach = (None, None) if found is None else (found.drift, found.breach)
    seen = judgement.look(place, now, drift, evidently_breach=breach)
    place.ledger.append(note(params.usecase, seen, now.to_pydatetime()))
    outcome = note_outcome(place, seen, now.to_pydatetime())
    gauges = GaugeStore(place.sql)
    gauges.write(params.usecase, told(place, seen, now.to_pydatetime()), datetime.now(UTC), whole=EVERY_RUN)
    if found is not None:
        gauges.write(params.usecase, report_gauges(params.usecase, found), datetime.now(UTC))
    gauges.record_success(params.usecase, "monitor", datetime.now(UTC))
    verdict = seen.verdict
    get_run_logger().info("%s: %s", verdict.action, "; ".join(verdict.reasons))
    artifacts.table(params.usecase, "verdict-now", [verdict.model_dump(mode="json")], "What the policy says, and why")
    effects = carry_out(place, seen, now.to_pydatetime(), get_run_logger())
    if verdict.action != "hold":
        look(f"{BREACH}.{verdict.action}", params.usecase, now.isoformat(), reasons=list(verdict.reasons))
    tell(place)
    kept = keep_report(place, now, found, seen)
    return verdict.model_dump(mode="json") | {
        "looked_at": looked_at.isoformat(),
        "drifted_share": seen.evidence.drifted_share,
        "outcome": outcome,
        "effects": effects,
        "report": None if kept is None else dict(links(kept, place.settings)),
        "look_again_soon": judgement.restless(seen.evidence, place.usecase.spec.policy),
    }


def told(place: Installation, seen: judgement.Judgement, at: datetime) -> list[Gauge]:
    """What was seen, what it was compared with and what came of it, as gauges."""
    yards = yardsticks(place.usecase.spec, seen.evidence, seen.verdict, level_thresholds(place), at)
    return [*readings(seen.evidence, at, seen.drift), *yards]


def note(usecase: str, seen: judgement.Judgement, at: datetime) -> Entry:
    """The verdict as a note in the ledger: what was seen and why; it moves nothing."""
    verdict = seen.verdict
    return Entry(
        phase="note",
        usecase=usecase,
        action=judgement.VERDICT,
        actor="monitor",
        reason="; ".join(verdict.reasons),
        scope=verdict.scope,
        from_version=seen.evidence.champion,
        evidence={"verdict": verdict.model_dump(mode="json"), "seen": seen.evidence.model_dump(mode="json")},
        at=at,
    )


def note_outcome(place: Installation, seen: judgement.Judgement, at: datetime) -> dict[str, Any] | None:
    """Once enough origins are scored after a retrain, keep in the ledger whether it helped; None otherwise."""
    evidence = seen.evidence
    retrained = [entry for entry in place.ledger.entries(evidence.usecase) if entry.action == "retrain" and entry.to_version]
    told = [entry for entry in place.ledger.entries(evidence.usecase) if entry.action == OUTCOME]
    if (
        not retrained
        or retrained[-1].to_version != evidence.champion
        or any(entry.to_version == evidence.champion for entry in told)
    ):
        return None
    recovery = recovery_of(evidence, place.usecase.spec.policy)
    if recovery is None:
        return None
    place.ledger.append(
        Entry(
            phase="note",
            usecase=evidence.usecase,
            action=OUTCOME,
            actor="monitor",
            reason=str(recovery),
            from_version=evidence.previous,
            to_version=evidence.champion,
            evidence=recovery.model_dump(),
            at=at,
        )
    )
    return recovery.model_dump() | {"version": evidence.champion, "reason": str(recovery)}
