"""Promote: the challenger becomes champion if the paired verdict says so, or if a person forces it, on record."""

from typing import Any

import pandas as pd
from prefect import flow, get_run_logger

from flows import artifacts
from flows.events import PROMOTED, look
from flows.params import PromoteParams
from model_code.bundle import Bundle
from model_code.cases import build_cases
from model_code.errors import PromotionRefused
from model_code.evaluation import per_origin
from model_code.installation import Installation
from model_code.ledger import Entry
from model_code.replay import replay
from model_code.verdict import PairedVerdict, paired_verdict


@flow(name="promote", persist_result=True, result_serializer="json")
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


def announce(usecase: str, entry: Entry) -> None:
    """Tell the server that the champion moved."""
    look(PROMOTED, usecase, entry.at.isoformat(), action=entry.action, to=entry.to_version, reason=entry.reason)


def judge(place: Installation, now: pd.Timestamp, champion: str | None, challenger: str) -> PairedVerdict:
    """The paired verdict on the origins of the challenger's holdout that the champion was not trained on."""
    spec = place.usecase.spec
    answered = place.bundle(place.registry.bundle_of(place.usecase.name, challenger)).profile["holdout"]
    losses = pd.Series({pd.Timestamp(row["origin"]): row["loss"] for row in answered}, dtype=float)
    if champion is None or champion == challenger:
        return paired_verdict(None, losses.to_numpy(), spec.promotion)
    reigning = place.bundle(place.registry.bundle_of(place.usecase.name, champion))
    losses = losses[losses.index >= pd.Timestamp(reigning.manifest.trained_until)]
    return paired_verdict(_losses_of(place, now, reigning, list(losses.index)), losses.to_numpy(), spec.promotion)


def _losses_of(place: Installation, now: pd.Timestamp, bundle: Bundle, origins: list[pd.Timestamp]) -> Any:
    if not origins:
        return pd.Series(dtype=float).to_numpy()
    history = place.history(now)
    scored = replay(bundle, build_cases(place.usecase, history, origins), history.truth(now))
    return per_origin(scored, place.usecase.spec).set_index("origin")["loss"].reindex(pd.DatetimeIndex(origins)).to_numpy()
