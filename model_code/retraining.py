"""Retraining when the world changed: a slate fixed beforehand, judged walk-forward on the origins since the trouble began.

Nothing is tuned on the origins that judge. At each of them the slate's leader *so far* answers, fitted on what was known
then and chosen by the losses that could be told then; the losses of that procedure are paired with the champion's on the same
origins. Where truth comes so late that the procedure saw too little of the trouble, the slate's best is judged instead, and
pays for having been picked: its confidence is shared out among the slate.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from model_code.backtest import Backtest, backtest
from model_code.bundle import Bundle
from model_code.cases import Cases, build_cases
from model_code.challenger import Evaluated, Progress, evaluate, history_split
from model_code.data.known import KnownHistory
from model_code.evaluation import per_origin, row_loss
from model_code.replay import cases_of, replay
from model_code.series import COMPLETE
from model_code.specification import Candidate
from model_code.usecase import UseCase
from model_code.verdict import PairedVerdict, paired_verdict


@dataclass(frozen=True)
class Retrained:
    """A challenger after trouble, with the verdict that decides about it.

    Attributes:
        losses: origin, champion, challenger (loss in the target's unit), leader (which of the slate answered), told (origins
            of the trouble whose truth was known when it was chosen).
    """

    evaluated: Evaluated
    verdict: PairedVerdict
    losses: pd.DataFrame


def recorded_candidates(bundle: Bundle) -> list[Candidate]:
    """The candidates that a bundle was chosen from."""
    return [
        Candidate(family=row["family"], parameters=row["parameters"], half_life_days=row["half_life_days"])
        for row in bundle.profile["candidates"]
    ]


def slate(champion: Bundle, fixed: Sequence[Candidate]) -> list[Candidate]:
    """The candidates of a retrain: those that the use case fixed; without any, the best of each family as last searched.

    What was searched in calm led before the trouble, and would lead into it; a fixed slate is made for a changed world.
    """
    return list(fixed) or recorded_candidates(champion)


def retrain(
    usecase: UseCase,
    history: KnownHistory,
    champion: Bundle,
    now: pd.Timestamp,
    trouble_since: pd.Timestamp,
    *,
    seed: int,
    scope: Collection[str] = (),
    alone: bool = False,
    progress: Progress = lambda _: None,
) -> Retrained:
    """Judge the slate on the origins since `trouble_since` and fit its leader on everything known now.

    Args:
        scope: Entities that asked for it; the others must not pay for them (`policy.scope_tolerance`). Empty: all asked.
        alone: The winner shall answer for these entities alone: it is trained on all, and judged on their rows.

    Raises:
        TooLittleData: Not enough origins.
    """
    origins, _ = history_split(usecase, history, now)
    cases = build_cases(usecase, history, origins)
    own = cases.where(cases.rows["entity"].isin(list(scope)).to_numpy()) if alone else cases
    judged_on = [origin for origin in _told(own, history, now) if origin >= trouble_since]
    before = [origin for origin in _told(own, history, trouble_since) if origin < trouble_since][-usecase.spec.retrain.warm_up :]
    candidates = slate(champion, usecase.spec.retrain.slate)
    walked = []
    for candidate in candidates:
        found = backtest(usecase, candidate, cases, history, [*before, *judged_on], truth_at=now, refit_every=1, seed=seed)
        walked.append(_only(found, usecase, scope) if alone else found)
        progress(
            f"{candidate.family}, half-life {candidate.half_life_days}: {_loss_on(walked[-1], judged_on):.4f} since the trouble began"
        )
    told = {origin: [each for each in _told(own, history, origin) if each >= trouble_since] for origin in judged_on}
    losses = _follow_the_leader(walked, candidates, before, told)
    reigning = _champion_answers(usecase, champion, own, history, judged_on, now)
    answered = per_origin(reigning, usecase.spec).set_index("origin")["loss"]
    losses["champion"] = answered.reindex(pd.DatetimeIndex(judged_on)).reset_index(drop=True)
    leader = _leader(walked, [*before, *judged_on])
    best = np.array([_loss_on(walked[leader], [origin]) for origin in judged_on])
    verdict = _verdict(usecase, losses, best, len(candidates))
    if scope and not alone:
        verdict = _borne(usecase, verdict, reigning, walked[leader].scored, scope)
    return Retrained(evaluate(usecase, history, now, [candidates[leader]], seed=seed), verdict, losses)


def _only(walked: Backtest, usecase: UseCase, scope: Collection[str]) -> Backtest:
    """The answers for some entities."""
    scored = walked.scored[walked.scored["entity"].isin(list(scope))].reset_index(drop=True)
    return Backtest(scored, per_origin(scored, usecase.spec))


def _told(cases: Cases, history: KnownHistory, at: pd.Timestamp) -> list[pd.Timestamp]:
    """The origins whose truth was known at a moment."""
    known = pd.Series(~np.isnan(cases.truth(history.truth(at)))).groupby(cases.rows["origin"]).mean()
    return sorted(known.index[known >= COMPLETE])


def _verdict(usecase: UseCase, losses: pd.DataFrame, best: np.ndarray, candidates: int) -> PairedVerdict:
    """Of the procedure, on the origins at which it had seen some of the trouble; else of the slate's best, on all of them."""
    confidence, rule = usecase.spec.retrain.confidence, usecase.spec.promotion
    followed = losses[losses["told"] > 0]
    if len(followed) >= rule.min_origins:
        strict = rule.model_copy(update={"confidence": confidence})
        return paired_verdict(followed["champion"].to_numpy(), followed["challenger"].to_numpy(), strict)
    strict = rule.model_copy(update={"confidence": 1 - (1 - confidence) / candidates})
    return paired_verdict(losses["champion"].to_numpy(), best, strict)


def _loss_on(walked: Backtest, origins: Sequence[pd.Timestamp]) -> float:
    return float(walked.origins[walked.origins["origin"].isin(list(origins))]["loss"].mean())


def _leader(walked: Sequence[Backtest], seen: Sequence[pd.Timestamp]) -> int:
    losses = [_loss_on(each, seen) for each in walked]
    return losses.index(min(losses))


def _follow_the_leader(
    walked: Sequence[Backtest],
    candidates: Sequence[Candidate],
    before: list[pd.Timestamp],
    told: Mapping[pd.Timestamp, list[pd.Timestamp]],
) -> pd.DataFrame:
    rows = []
    for origin, seen in told.items():
        leader = _leader(walked, [*before, *seen])
        chosen = candidates[leader]
        rows.append(
            {
                "origin": origin,
                "challenger": _loss_on(walked[leader], [origin]),
                "leader": f"{chosen.family}, half-life {chosen.half_life_days}",
                "told": len(seen),
            }
        )
    return pd.DataFrame(rows, columns=["origin", "challenger", "leader", "told"])


def _borne(
    usecase: UseCase, verdict: PairedVerdict, reigning: pd.DataFrame, challenging: pd.DataFrame, scope: Collection[str]
) -> PairedVerdict:
    """The verdict, unless an entity that asked for nothing would lose more than the tolerance by the model for others."""
    judged = challenging[challenging["origin"].isin(reigning["origin"].unique())]
    before, after = (_entity_loss(rows, usecase.spec.task) for rows in (reigning, judged))
    others = before.index.difference(pd.Index(list(scope)))
    limit = (1 + usecase.spec.policy.scope_tolerance) * before[others]
    paying = sorted(others[~(after.reindex(others) <= limit)])
    if not (verdict.better and paying):
        return verdict
    return verdict.model_copy(update={"better": False, "reason": f"{', '.join(paying)} would pay for it; {verdict.reason}"})


def _entity_loss(rows: pd.DataFrame, task: str) -> "pd.Series[float]":
    told = rows[rows["truth"].notna()]
    loss = row_loss(told["value"].to_numpy(float), told["truth"].to_numpy(float), task)
    return pd.Series(loss, index=told["entity"].to_numpy(), dtype=float).groupby(level=0).mean()


def _champion_answers(
    usecase: UseCase,
    champion: Bundle,
    cases: Cases,
    history: KnownHistory,
    origins: Sequence[pd.Timestamp],
    now: pd.Timestamp,
) -> pd.DataFrame:
    asked = cases_of(champion, usecase, history, cases.of(origins))
    return replay(champion, asked, history.truth(now))
