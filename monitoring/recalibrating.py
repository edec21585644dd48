"""Recalibrating: look again; where only the coverage slipped, give the champion new intervals, if they are better."""

from typing import Final

import numpy as np
import pandas as pd

from model_code.bundle import Bundle
from model_code.errors import PromotionRefused
from model_code.installation import Installation
from model_code.ledger import Entry
from model_code.recalibration import Recalibrated, backtested_by, contents_with, require_intervals
from model_code.recalibration import recalibrate as judge
from monitoring.acting import ASKED_BY, Acted, Request, carried_out, consented, reason_of, wanted
from monitoring.consent import Ask, unasked
from monitoring.judgement import Judgement, look
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
    done = carried_out(ACTION, place, now, request)
    if done is not None:
        return Acted(seen, done, done.to_version)
    if not wanted(ACTION, seen, request):
        return Acted(seen)
    require_intervals(place.usecase.spec)
    champion = _champion(place)
    made = _judged(place, champion, now, pd.Timestamp(seen.evidence.releases[-1].at))
    if not made.verdict.better:
        _note_kept(place, now, request, seen, made)
        return Acted(seen, made=made)
    version = _register(place, champion, made, now)
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
        scope=seen.verdict.scope,
        from_version=seen.evidence.champion,
        action=ACTION,
    )
    return Acted(seen, entry, version, made, answer)


def _champion(place: Installation) -> Bundle:
    pointer = place.pointers.get(place.usecase.name)
    if pointer is None:
        raise PromotionRefused(f"{place.usecase.name} has no champion to recalibrate", hint="run search, train and promote first")
    return place.bundle(pointer.wanted)


def _judged(place: Installation, champion: Bundle, now: pd.Timestamp, released: pd.Timestamp) -> Recalibrated:
    history, spec = place.history(now), place.usecase.spec
    kept = place.predictions.between(place.usecase.name, released, now)
    scored = score(kept[kept["bundle"] == champion.hash], history.truth(now), spec)
    seconds = scored["lead"].dt.total_seconds().to_numpy(float) - spec.horizon.first.total_seconds()
    answered = scored.assign(step=np.rint(seconds / spec.horizon.step.total_seconds()).astype(int))
    answered = answered[["origin", "entity", "time", "step", "value", "lower", "upper"]]
    lacking = spec.recalibrate.origins - answered["origin"].nunique() + spec.recalibrate.judged
    return judge(spec, answered, backtested_by(champion, place.store, lacking), history, now)


def _register(place: Installation, champion: Bundle, made: Recalibrated, now: pd.Timestamp) -> str:
    """A version of its own; the alias `challenger` stays where it is."""
    usecase, ref = place.usecase.name, place.bundles.write(contents_with(champion, made, now))
    metrics = {name: float(made.scores[name].mean()) for name in ("covered_champion", "covered_challenger")}
    with place.registry.start_run(usecase, ACTION, tags={"kind": ACTION}, key=f"{ACTION}/{ref.hash}") as run:
        run.log_params({"from": champion.hash, "origins": made.origins})
        run.log_metrics(metrics)
        manifest = place.bundle(ref.hash).manifest.model_dump(mode="json")
        return place.registry.register(ref, manifest, metrics, run.id)


def _note_kept(place: Installation, now: pd.Timestamp, request: Request, seen: Judgement, made: Recalibrated) -> None:
    """What it came to; the note starts the cool-down."""
    place.ledger.append(
        Entry(
            phase="note",
            usecase=place.usecase.name,
            action=ACTION,
            actor=request.actor,
            reason=f"kept the intervals: {made.verdict.reason}",
            from_version=seen.evidence.champion,
            evidence=_evidence(request, made) | {"verdict": made.verdict.model_dump()},
            at=now.to_pydatetime(),
        )
    )


def _evidence(request: Request, made: Recalibrated) -> dict[str, object]:
    scores = made.scores.assign(origin=made.scores["origin"].astype(str)).to_dict("records")
    return {"scores": scores, "origins": made.origins, ASKED_BY: request.reason}
