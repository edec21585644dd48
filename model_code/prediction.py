"""One prediction, with all that is needed to judge it later."""

from pydantic import AwareDatetime, BaseModel, ConfigDict, FiniteFloat


class Prediction(BaseModel):
    """One predicted value and all that is needed to judge it later.

    Entity, origin, time and lead are None where the caller gave features and did not tell what they are about:
    such a prediction is kept, and cannot be judged.

    Attributes:
        prediction_id: Identity; see `model_code.prediction_id`.
        request_id: The request that asked for it.
        usecase: Name of the use case.
        entity: What it is about.
        origin: When the forecast was made as far as the data goes (aware).
        time: What time it is about (aware).
        lead_seconds: `time` minus `origin`.
        value: The prediction, in the target's unit, or a probability.
        lower: Lower end of the interval; None where there is none.
        upper: Upper end of the interval; None where there is none.
        version: Registry version that answered.
        bundle: Hash of the bundle that answered.
        asked_by: Who asked: a flow, a person.
        made_at: When the service answered (aware; simulated in a simulation).
        features_hash: SHA-256 of the features that went in.
        route: What was asked: forecast, predict, infer, batch; None in rows from before this was kept.
        position: Number of the row within its request, from 0; None where not kept.
        latency_us: Microseconds from the request's arrival until it was kept; None where not kept.
        features: The features that the caller gave, float64 little-endian in the bundle's order of columns.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    prediction_id: str
    request_id: str
    usecase: str
    entity: str | None
    origin: AwareDatetime | None
    time: AwareDatetime | None
    lead_seconds: int | None
    value: FiniteFloat
    lower: float | None = None
    upper: float | None = None
    version: str
    bundle: str
    asked_by: str
    made_at: AwareDatetime
    features_hash: str
    route: str | None = None
    position: int | None = None
    latency_us: int | None = None
    features: bytes | None = None
