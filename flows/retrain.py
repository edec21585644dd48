"""Retrain: look again; if the world changed, fit anew and promote what beats the champion since the trouble began."""

from typing import Any

import pandas as pd
from prefect import flow, get_run_logger

from flows import artifacts
from flows.params import ActParams
from flows.promote import announce
from flows.train import register
from model_code.challenger import bundle_of
from model_code.errors import PromotionRefused
from model_code.installation import Installation
from model_code.ledger import Entry
from model_code.retraining import Retrained
from model_code.retraining import retrain as retrain_model
from monitoring import judgement


@flow(name="retrain", persist_result=True, result_serializer="json")
def retrain(params: ActParams) -> dict[str, Any]:
    """Judge a fixed slate walk-forward on the origins since the trouble began; promote its winner or keep the champion."""
    place, log = Installation.open(params.usecase), get_run_logger()
    now = place.present(params.now)
    place.promoter.recover(params.usecase)
    seen = judgement.look(place, now)
    verdict = seen.verdict
    if verdict.action != "retrain" and not params.force:
        log.warning("declined: the policy says %s: %s", verdict.action, "; ".join(verdict.reasons))
        return {"done": False, "verdict": verdict.model_dump(mode="json")}
    if params.force and not params.reason:
        raise PromotionRefused("a forced retrain needs a reason", hint="say why in the form; the ledger keeps it")
    reason = "; ".join(verdict.reasons) if verdict.action == "retrain" else params.reason
    since = (
        pd.Timestamp(verdict.since)
        if verdict.since
        else now - place.usecase.spec.policy.window * place.usecase.spec.origins.every
    )
    history, seed = place.history(now), place.usecase.spec.seed
    pointer = place.pointers.get(params.usecase)
    if pointer is None:
        raise PromotionRefused(f"{params.usecase} has no champion to retrain", hint="run search, train and promote first")
    result = retrain_model(
        place.usecase, history, place.bundle(pointer.wanted), now, since.tz_convert("UTC"), seed=seed, progress=log.info
    )
    version = register(
        place, bundle_of(place, history, now, result.evaluated, seed=seed, quiet_until=since.tz_convert("UTC")), result.evaluated
    )
    promoted = _settle(place, params, now, seen.evidence.champion, version, result, reason)
    artifacts.table(
        params.usecase,
        "retrain",
        _rows(result),
        "Champion and challenger on the origins since the trouble began",
    )
    return {
        "done": True,
        "promoted": promoted,
        "version": version,
        "reason": result.verdict.reason,
        "verdict": verdict.model_dump(mode="json"),
    }


def _settle(
    place: Installation, params: ActParams, now: pd.Timestamp, champion: str | None, version: str, result: Retrained, reason: str
) -> bool:
    """Promote the winner if the verdict allows, and note what the retrain came to; the note starts the cool-down."""
    evidence = {"losses": result.losses.assign(origin=result.losses["origin"].astype(str)).to_dict("records")}
    at, better = now.to_pydatetime(), result.verdict.better
    if better:
        entry = place.promoter.promote(
            params.usecase, version, params.actor, reason, evidence, at, verdict=result.verdict, from_version=champion
        )
        announce(params.usecase, entry)
    place.ledger.append(
        Entry(
            phase="note",
            usecase=params.usecase,
            action="retrain",
            actor=params.actor,
            reason=f"{'promoted' if better else 'kept the champion'}: {result.verdict.reason}",
            from_version=champion,
            to_version=version if better else None,
            evidence=evidence | {"asked_by": params.reason, "verdict": result.verdict.model_dump()},
            at=at,
        )
    )
    return better


def _rows(result: Retrained) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in result.losses.to_dict("records")]
