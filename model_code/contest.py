"""Champion against challenger on the same origins, none of which either was trained on."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model_code.bundle import Bundle
from model_code.cases import build_cases
from model_code.evaluation import per_origin
from model_code.installation import Installation
from model_code.replay import replay
from model_code.verdict import PairedVerdict, paired_verdict

SLACK = 1.5  # in-sample loss above this multiple of the reported out-of-sample loss is another world


def judge(place: Installation, now: pd.Timestamp, champion: str | None, challenger: str) -> PairedVerdict:
    """The paired verdict on the origins of the challenger's holdout that the champion was not trained on.

    Args:
        place: The use case's stores.
        now: The moment whose knowledge of the truth counts (aware).
        champion: Registry version that reigns; None when there is none.
        challenger: Registry version that wants to.

    Raises:
        RegistryError: No such version.
        BundleError: A bundle is missing or altered.
    """
    spec = place.usecase.spec
    answered = place.bundle_of(challenger).profile["holdout"]
    losses = pd.Series({pd.Timestamp(row["origin"]): row["loss"] for row in answered}, dtype=float)
    told = _borne_out(place, now, challenger, losses)
    if told is not None:
        return PairedVerdict(better=False, gain=np.nan, low=np.nan, high=np.nan, n=0, reason=told)
    if champion is None or champion == challenger:
        return paired_verdict(None, losses.to_numpy(), spec.promotion)
    reigning = place.bundle_of(champion)
    losses = losses[losses.index >= pd.Timestamp(reigning.manifest.trained_until)]
    return paired_verdict(_losses_of(place, now, reigning, list(losses.index)), losses.to_numpy(), spec.promotion)


def _borne_out(place: Installation, now: pd.Timestamp, challenger: str, reported: "pd.Series[float]") -> str | None:
    """Why the challenger's reported holdout is not to be believed; None where its answers bear it out.

    The fitted model saw these origins, so that it should lose less on them than its walk-forward did. One that was
    trained on something else than this history (another scale, swapped columns) loses more.
    """
    bundle = place.bundle_of(challenger)
    seen = float(np.nanmean(_losses_of(place, now, bundle, list(reported.index))))
    if seen <= SLACK * float(reported.mean()):
        return None
    return f"its answers do not bear out its holdout: it loses {seen:.4g} on the same origins, {reported.mean():.4g} was reported"


def _losses_of(place: Installation, now: pd.Timestamp, bundle: Bundle, origins: list[pd.Timestamp]) -> NDArray[np.float64]:
    if not origins:
        return np.array([])
    history = place.history(now)
    scored = replay(bundle, build_cases(bundle.usecase, history, origins), history.truth(now))
    losses = per_origin(scored, place.usecase.spec).set_index("origin")["loss"]
    return losses.reindex(pd.DatetimeIndex(origins)).to_numpy(np.float64)
