"""Promote: the challenger becomes champion if the paired verdict says so, or if a person forces it, on record."""

from datetime import datetime
from typing import Any

from prefect import flow, get_run_logger

from flows import artifacts
from flows.approval import ask
from flows.events import PROMOTED, look
from flows.params import PromoteParams
from flows.told import TOLD
from model_code.contest import judge
from model_code.errors import PromotionRefused
from model_code.installation import Installation
from model_code.ledger import Entry
from monitoring.acting import APPROVAL
from monitoring.consent import Answer, Proposal, is_needed


@flow(name="promote", persist_result=True, result_serializer="json", **TOLD)
def promote(params: PromoteParams) -> dict[str, Any]:
    """Compare champion and challenger on the same origins and move the aliases and the pointer, or say why not."""
    place = Installation.open(params.usecase)
    now = place.present(params.now)
    place.promoter.recover(params.usecase)
    version = params.version or place.registry.version_of(params.usecase, "challenger")
    if version is None:
        raise PromotionRefused(f"{params.usecase} has no challenger", hint="run the train flow first")
    champion = place.registry.version_of(params.usecase, "champion")
    verdict = judge(place, now, champion, version)
    get_run_logger().info("version %s against %s: %s", version, champion, verdict.reason)
    outcome: dict[str, Any] = {
        "version": version,
        "champion": champion,
        "verdict": verdict.model_dump(mode="json"),
        "forced": params.force,
    }
    artifacts.table(params.usecase, "verdict", [outcome["verdict"]], f"Version {version} against {champion}, on the same origins")
    if not verdict.better and not params.force:
        return outcome | {"promoted": False}
    rule = place.usecase.spec.approval
    if is_needed(rule, "promote") and not params.force:
        reasons = (verdict.reason,)
        answer = ask(Proposal(params.usecase, "promote", champion, version, reasons, outcome["verdict"], rule.timeout))
        place.ledger.append(_answered(params, outcome, answer, now.to_pydatetime()))
        if not answer.approved:
            return outcome | {"promoted": False, "approval": str(answer)}
    reason = params.reason or verdict.reason
    entry = place.promoter.promote(
        params.usecase,
        version,
        params.actor,
        reason,
        {},
        now.to_pydatetime(),
        verdict=verdict,
        force=params.force,
        from_version=champion,
    )
    announce(params.usecase, entry)
    return outcome | {"promoted": True}


def _answered(params: PromoteParams, outcome: dict[str, Any], answer: Answer, at: datetime) -> Entry:
    return Entry(
        phase="note",
        usecase=params.usecase,
        action=APPROVAL,
        actor=answer.by or params.actor,
        reason=str(answer),
        from_version=outcome["champion"],
        evidence={"proposed": outcome},
        at=at,
    )


def announce(usecase: str, entry: Entry) -> None:
    """Tell the server that the champion moved."""
    look(PROMOTED, usecase, entry.at.isoformat(), action=entry.action, to=entry.to_version, reason=entry.reason)
