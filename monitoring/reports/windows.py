"""The windows of a report: what the champion answered from lately, and how it did, each beside its reference."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from model_code.bundle import Bundle
from model_code.cases import build_cases, origins_of_history
from model_code.data.known import KnownHistory
from model_code.errors import TooLittleData
from model_code.installation import Installation
from model_code.origins import origins_between
from model_code.series import COMPLETE
from model_code.shift import Reference, choose_reference
from model_code.shift.context import context_table
from model_code.shift.section import PREDICTION, window_origins, with_answers
from model_code.slices import KEYS
from monitoring.slices import aligned
from monitoring.truth import score

CANDIDATES = 200  # latest origins of the training that conditions are told of, to match days of the same kind
EARLIER = 4  # windows before this one whose answers stand beside it on the page of the quality


@dataclass(frozen=True)
class Features:
    """Features of the window and of its reference, the champion's answers beside them, and how the reference was chosen."""

    current: pd.DataFrame
    reference: pd.DataFrame
    chosen: Reference


@dataclass(frozen=True)
class Answers:
    """Scored rows (origin, entity, truth, value) of the latest whole origins, and of those before; either may be empty."""

    current: pd.DataFrame
    earlier: pd.DataFrame


def features_of(place: Installation, history: KnownHistory, champion: Bundle, now: pd.Timestamp) -> Features:
    """Features and answers of the origins of the window, and of the season or the conditions that they should look like.

    An answer is what the champion was asked and is kept, else what it answers now: nobody asked it before it was trained.

    Raises:
        TooLittleData: No origin in the window, or none before it.
    """
    spec, rule = champion.spec, champion.spec.report
    window = origins_between(spec, now - rule.window, now)
    until = min(pd.Timestamp(champion.manifest.trained_until), window[0] if window else now)
    earlier = origins_of_history(champion.usecase, history, until)
    chosen = _reference(champion, history, earlier, window, now)
    before, lately = (_answered(place, history, champion, part) for part in (chosen.origins, window))
    wanted = (*rule.columns, PREDICTION) if rule.columns else lately.columns
    columns = [name for name in wanted if name in before and name in lately]
    return Features(lately[columns], before[columns], chosen)


def _answered(place: Installation, history: KnownHistory, champion: Bundle, origins: Sequence[pd.Timestamp]) -> pd.DataFrame:
    """Features and answers of these origins."""
    cases, name = build_cases(champion.usecase, history, list(origins)), champion.spec.name
    answers = champion.predict(cases.features, cases.rows["step"].to_numpy(), cases.rows["entity"].tolist()).value
    kept = place.predictions.between(name, min(origins), max(origins) + champion.spec.origins.every, by="origin")
    kept = kept[kept["bundle"] == champion.hash].drop_duplicates(KEYS, keep="last")
    told = aligned(cases.rows, kept[[*KEYS, "value"]])["value"].to_numpy(float)
    return with_answers(cases.features, np.where(np.isfinite(told), told, answers))


def answers_of(place: Installation, history: KnownHistory, champion: Bundle, now: pd.Timestamp) -> Answers:
    """What the champion answered, beside the truth as known now; an origin counts once 90 % of its rows have truth."""
    spec, size = champion.spec, window_origins(champion.spec)
    start = now - (1 + EARLIER) * max(spec.report.window, size * spec.origins.every)
    answered = place.predictions.between(spec.name, start.to_pydatetime(), now.to_pydatetime(), by="origin")
    rows = score(answered[answered["bundle"] == champion.hash], history.truth(now), spec)
    told = rows["truth"].notna().groupby(rows["origin"]).mean()
    whole = sorted(told.index[told >= COMPLETE])
    recent = [origin for origin in whole if origin >= now - 2 * spec.report.window][-size:]
    kept = rows[["origin", "entity", "truth", "value"]]
    earlier = [origin for origin in whole if not recent or origin < recent[0]]
    return Answers(*(kept[kept["origin"].isin(part)].reset_index(drop=True) for part in (recent, earlier)))


def _reference(
    champion: Bundle, history: KnownHistory, earlier: Sequence[pd.Timestamp], window: Sequence[pd.Timestamp], now: pd.Timestamp
) -> Reference:
    spec, size = champion.spec, champion.spec.report.reference_origins
    if not earlier or not window:
        raise TooLittleData(f"{spec.name}: {len(window)} origins in the window, {len(earlier)} before it", hint="wait for more")
    chosen = choose_reference(earlier, window, None, size=size, timezone=spec.timezone)
    if chosen.basis != "recent":
        return chosen
    latest = list(earlier[-CANDIDATES:])
    context = context_table(champion.usecase, history, [*latest, *window], now)
    told = context.loc[:, np.isfinite(context.to_numpy(float)).any(axis=0)]
    return choose_reference(latest, window, told, size=size, timezone=spec.timezone)
