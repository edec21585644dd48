"""Rollback: look again, and move the pointer back to the last good version if the policy still says so."""

from typing import Any

from prefect import flow, get_run_logger

from flows.params import ActParams
from flows.promote import announce
from model_code.errors import PromotionRefused
from model_code.installation import Installation
from monitoring import judgement


@flow(name="rollback", persist_result=True, result_serializer="json")
def rollback(params: ActParams) -> dict[str, Any]:
    """Return to the version before; declines where the state says otherwise, unless a person forces it on record."""
    place = Installation.open(params.usecase)
    now = place.present(params.now)
    place.promoter.recover(params.usecase)
    seen = judgement.look(place, now)
    verdict = seen.verdict
    if verdict.action != "rollback" and not params.force:
        get_run_logger().warning("declined: the policy says %s: %s", verdict.action, "; ".join(verdict.reasons))
        return {"done": False, "verdict": verdict.model_dump(mode="json")}
    if params.force and not params.reason:
        raise PromotionRefused("a forced rollback needs a reason", hint="say why in the form; the ledger keeps it")
    entry = place.promoter.rollback(
        params.usecase,
        params.actor,
        "; ".join(verdict.reasons) if verdict.action == "rollback" else params.reason,
        {"seen": seen.evidence.model_dump(mode="json"), "asked_by": params.reason},
        now.to_pydatetime(),
        to_version=verdict.to_version,
        from_version=seen.evidence.champion,
    )
    announce(params.usecase, entry)
    return {"done": True, "from": entry.from_version, "to": entry.to_version, "verdict": verdict.model_dump(mode="json")}
