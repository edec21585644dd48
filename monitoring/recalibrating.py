"""Recalibrating: look again; where only the coverage slipped, give the champion new intervals, if they are better."""

from typing import Final

import numpy as np
import pandas as pd

from model_code.bundle import Bundle
from model_code.installation import Installation
from model_code.ledger import Entry
from model_code.recalibration import Recalibrated, backtested_by, contents_with, require_intervals
from model_code.recalibration import recalibrate as judge
from model_code.series import ALL
from monitoring.acting import ASKED_BY, Acted, Request, carried_out, consented, reason_of, wanted
from monitoring.composing import alone, composed, reigning
from monitoring.consent import Ask, unasked
from monitoring.judgement import Judgement, look
from monitoring.reigns import answered_by, reigns_of
from monitoring.truth import score

ACTION: Final = "recalibrate"


def recalibrate(place: Installation, now: pd.Timestamp, request: Request, *, ask: Ask = unasked) -> Acted[Recalibrated]:
    """Calibrate the champion on its latest residuals; promote it with the new intervals, or keep the old ones.

    The same request again (actor and reason, within the cool-down), once it moved the champion, changes nothing.

    Raises:
        PromotionRefused: Forced without a reason, no champion, or another one by now.
        TooLittleData: Not enough residuals, or a classification, which has no intervals.
        StoreError: A table version that the champion was trained on is gone.
    """
    place.promoter.recover(place.usecase.name)
    seen = look(place, now)
    done = carried_out(ACTION, place, now, request, seen)
    if done is not None:
        return Acted(seen, done, done.to_version)
    if not wanted(ACTION, seen, request):
        return Acted(seen)
    require_intervals(place.usecase.spec)
    champion = reigning(place, ACTION)
    scope = _of_one_part(champion, alone(ACTION, seen))
    part = champion.part_of(scope[0]) if scope else champion
    made = _judged(place, part, scope, now)
    if not made.verdict.better:
        _note_kept(place, now, request, seen, made, scope)
        return Acted(seen, made=made)
    version = _register(place, part, made, now)
    if scope:
        version = composed(place, champion, dict.fromkeys(scope, place.bundle_of(version)))
    answer = consented(ACTION, place, now, request, seen, version, ask)
    if answer is not None and not answer.approved:
        return Acted(seen, None, version, made, answer)
    entry = place.promoter.promote(
        place.usecase.name,
        version,
        request.actor,
        reason_of(ACTION, seen, request),
        _evidence(request, made),
        now.to_pydatetime(),
        verdict=made.verdict,
        scope=scope,
        from_version=seen.evidence.champion,
        action=ACTION,
    )
    return Acted(seen, entry, version, made, answer)


def _of_one_part(champion: Bundle, scope: tuple[str, ...]) -> tuple[str, ...]:
    """Those in the scope (empty: all) whom one part answers for, the part of most; empty where the champion has no parts."""
    if len(champion.made_of) == 1:
        return scope
    asking = scope or champion.spec.entities or ()
    parts = [champion.part_of(entity).hash for entity in asking]
    most = max(dict.fromkeys(parts), key=parts.count)
    return tuple(entity for entity, part in zip(asking, parts, strict=True) if part == most)


def _judged(place: Installation, part: Bundle, scope: tuple[str, ...], now: pd.Timestamp) -> Recalibrated:
    """New intervals of a part, by the rows of some entities (empty: of all)."""
    history, spec = place.history(now), place.usecase.spec
    entries = [entry for entry in place.ledger.entries(place.usecase.name) if entry.at <= now]
    reigns = reigns_of(entries, scope or [*(spec.entities or ()), ALL])
    kept = place.predictions.between(place.usecase.name, min(reign.since for reign in reigns.values()), now)
    scored = score(kept[answered_by(kept, reigns)], history.truth(now), spec)
    seconds = scored["lead"].dt.total_seconds().to_numpy(float) - spec.horizon.first.total_seconds()
    answered = scored.assign(step=np.rint(seconds / spec.horizon.step.total_seconds()).astype(int))
    answered = answered[["origin", "entity", "time", "step", "value", "lower", "upper"]]
    lacking = spec.recalibrate.origins - answered["origin"].nunique() + spec.recalibrate.judged
    backtested = backtested_by(part, place.store, lacking)
    own = backtested[backtested["entity"].isin(scope)] if scope else backtested
    return judge(spec, answered, own, history, now)


def _register(place: Installation, part: Bundle, made: Recalibrated, now: pd.Timestamp) -> str:
    """A version of its own; the alias `challenger` stays where it is."""
    usecase, ref = place.usecase.name, place.bundles.write(contents_with(part, made, now))
    metrics = {name: float(made.scores[name].mean()) for name in ("covered_champion", "covered_challenger")}
    with place.registry.start_run(usecase, ACTION, tags={"kind": ACTION}, key=f"{ACTION}/{ref.hash}") as run:
        run.log_params({"from": part.hash, "origins": made.origins})
        run.log_metrics(metrics)
        manifest = place.bundle(ref.hash).manifest.model_dump(mode="json")
        return place.registry.register(ref, manifest, metrics, run.id)


def _note_kept(
    place: Installation, now: pd.Timestamp, request: Request, seen: Judgement, made: Recalibrated, scope: tuple[str, ...]
) -> None:
    """What it came to; the note starts the cool-down."""
    place.ledger.append(
        Entry(
            phase="note",
            usecase=place.usecase.name,
            action=ACTION,
            actor=request.actor,
            reason=f"kept the intervals: {made.verdict.reason}",
            scope=scope,
            from_version=seen.evidence.champion,
            evidence=_evidence(request, made) | {"verdict": made.verdict.model_dump()},
            at=now.to_pydatetime(),
        )
    )


def _evidence(request: Request, made: Recalibrated) -> dict[str, object]:
    scores = made.scores.assign(origin=made.scores["origin"].astype(str)).to_dict("records")
    return {"scores": scores, "origins": made.origins, ASKED_BY: request.reason}
