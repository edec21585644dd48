"""Monitor: join the truth, measure, let the policy judge, keep the verdict, and say *look* where something should act."""

from datetime import UTC, datetime
from typing import Any

import pandas as pd
from prefect import flow, get_run_logger

from flows import artifacts
from flows.events import BREACH, look
from flows.notices import tell
from flows.params import MonitorParams
from flows.report import find_if_due, keep_report
from flows.side_effects import carry_out
from flows.told import TOLD
from model_code import logs
from model_code.installation import Installation
from monitoring import judgement
from monitoring.gauges import Gauge, GaugeStore
from monitoring.notes import note, note_outcome
from monitoring.readings import readings
from monitoring.reports.findings import Findings
from monitoring.reports.publish import links
from monitoring.yardsticks import EVERY_RUN, level_thresholds, yardsticks


@flow(name="monitor", persist_result=True, result_serializer="json", **TOLD)
def monitor(params: MonitorParams) -> dict[str, Any]:
    """Judge the use case as known now; exported gauges, a ledger note, and an event where the verdict is not to hold."""
    looked_at = datetime.now(UTC)
    place = Installation.open(params.usecase)
    now, found, seen = look_at(place, params.now)
    logs.bind(version=seen.evidence.champion)
    place.ledger.append(note(params.usecase, seen, now.to_pydatetime()))
    outcome = note_outcome(place, seen, now.to_pydatetime())
    gauges = GaugeStore(place.sql)
    gauges.write(params.usecase, told(place, seen, now.to_pydatetime()), datetime.now(UTC), whole=EVERY_RUN)
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


def look_at(place: Installation, asked: datetime | None) -> tuple[pd.Timestamp, Findings | None, judgement.Judgement]:
    """The moment, the findings of a report that is due, and the judgement; once more where another run was quicker meanwhile.

    Args:
        asked: The moment to judge; None: the present one.
    """
    now, found, seen = _look(place, asked)
    overtaken = not seen.evidence.series and not seen.verdict.side_effects
    return _look(place, asked) if overtaken and asked is None else (now, found, seen)


def _look(place: Installation, asked: datetime | None) -> tuple[pd.Timestamp, Findings | None, judgement.Judgement]:
    now = place.present(asked)
    found = find_if_due(place, now)
    drift, breach = (None, None) if found is None else (found.drift, found.breach)
    return now, found, judgement.look(place, now, drift, evidently_breach=breach)


def told(place: Installation, seen: judgement.Judgement, at: datetime) -> list[Gauge]:
    """What was seen, what it was compared with and what came of it, as gauges."""
    yards = yardsticks(place.usecase.spec, seen.evidence, seen.verdict, level_thresholds(place), at)
    return [*readings(seen.evidence, at), *yards]
