"""What the service would keep of its answers, made without a server: the same bundle, features and rows."""

from datetime import datetime

import pandas as pd

from model_code.bundle import Bundle
from model_code.cases import build_features
from model_code.errors import NotReady
from model_code.installation import Installation
from model_code.origins import entities_at, origins_between, target_rows
from model_code.predictions import Prediction, prediction_id

MOMENT = pd.Timedelta(microseconds=1)


def forecast_due(place: Installation, now: pd.Timestamp, since: datetime) -> int:
    """Answer every origin up to `now` that was not answered yet; how many.

    Args:
        since: First origin where nothing was answered yet.

    Raises:
        NotReady: There is no champion to ask.
    """
    usecase = place.usecase
    pointer = place.pointers.get(usecase.name)
    if pointer is None:
        raise NotReady(f"{usecase.name} has no champion to ask", hint="open a home with a first model")
    bundle = place.bundle(pointer.wanted)
    version = _version_of(place, bundle.hash)
    newest = place.predictions.newest(usecase.name)
    first = pd.Timestamp(since if newest is None else newest) + MOMENT
    due = origins_between(usecase.spec, first, now + MOMENT)
    for origin in due:
        place.predictions.add(answer(place, bundle, version, origin, now))
    return len(due)


def _version_of(place: Installation, hash_: str) -> str:
    """The champion's version, of which the alias tells cheaply; another one's by the list of all."""
    name = place.usecase.name
    champion = place.registry.version_of(name, "champion")
    if champion is not None and place.registry.bundle_of(name, champion) == hash_:
        return champion
    return next(each.version for each in place.registry.versions(name) if each.bundle == hash_)


def answer(place: Installation, bundle: Bundle, version: str, origin: pd.Timestamp, now: pd.Timestamp) -> list[Prediction]:
    """What the service would keep of its answer at `now` to a question about `origin`."""
    spec, known = bundle.spec, place.history(now).at(origin)
    rows = target_rows(spec, origin, entities_at(spec, known, origin))
    features = build_features(bundle.usecase, known, origin, rows)
    told = bundle.predict(features, rows["step"].to_numpy(), rows["entity"].tolist())
    request = f"forecast/{spec.name}/{origin.isoformat()}"
    numbers = zip(rows["entity"], rows["time"], told.value.tolist(), told.lower.tolist(), told.upper.tolist(), strict=True)
    return [
        Prediction(
            prediction_id=prediction_id(request, entity, time),
            request_id=request,
            usecase=spec.name,
            entity=entity,
            origin=origin,
            time=time,
            lead_seconds=round((time - origin).total_seconds()),
            value=value,
            lower=lower,
            upper=upper,
            version=version,
            bundle=bundle.hash,
            asked_by="forecast",
            made_at=now,
            features_hash="",
        )
        for entity, time, value, lower, upper in numbers
    ]
