"""What goes over the wire: the typed questions and answers of the model service."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Message(BaseModel):
    """Frozen; a misspelt or unknown field is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class GivenFeatures(Message):
    """Features of one value, where the caller has them."""

    entity: str | None = Field(
        None, min_length=1, max_length=200, description="What the value is about. Default: the request's, or the only one."
    )
    lead: int = Field(0, ge=0, le=1_000_000, strict=True, description="Lead time in steps, the first is 0.")
    values: dict[str, Annotated[float, Field(strict=True, allow_inf_nan=False)] | None] = Field(
        max_length=10_000, description="Every feature of the model by name; null is not known."
    )


class ForecastRequest(Message):
    """A question. `{}` asks for all entities at the latest origin that is due."""

    entity: str | None = Field(None, min_length=1, max_length=200, description="What to forecast. Default: every entity.")
    origin: AwareDatetime | None = Field(
        None, strict=True, description="When the forecast is made, ISO 8601 with offset. Default: the latest origin due now."
    )
    horizon: int | None = Field(
        None, ge=1, le=10_000, strict=True, description="How many steps to forecast. Default: the use case's whole horizon."
    )
    features: tuple[GivenFeatures, ...] | None = Field(
        None, min_length=1, description="Answer for these; the store is not read. Default: computed from it."
    )
    request_id: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="The same id asked again gets the stored answer. Default: the header x-request-id, or a new one.",
    )
    asked_by: str = Field("anonymous", min_length=1, max_length=80, description="Who asks; kept with the predictions.")


class ForecastValue(Message):
    """One predicted value; no interval for a classification."""

    entity: str
    time: AwareDatetime = Field(description="What the value is about: the start of its period (UTC).")
    lead_seconds: int = Field(description="`time` minus the origin.")
    value: float = Field(description="In the answer's unit; P(positive) for a classification.")
    lower: float | None
    upper: float | None


class ForecastAnswer(Message):
    """A forecast, already in the prediction store when it is sent."""

    usecase: str
    version: str = Field(description="Registry version that answered; the start of the bundle's hash where the ledger has none.")
    bundle: str = Field(description="Hash of the bundle that answered.")
    entity: str | None = Field(description="As asked.")
    origin: AwareDatetime = Field(description="UTC.")
    unit: str
    request_id: str
    values: tuple[ForecastValue, ...] = Field(description="By entity and time.")


class ModelAnswer(Message):
    """What the service runs on, and whether that is what it should run on."""

    usecase: str
    version: str
    bundle: str
    alias: str | None = Field(description="champion while it is the wanted one; None where another one is, or it is pinned.")
    family: str
    columns: tuple[str, ...] = Field(description="Features in the order in which /predict takes them.")
    trained_until: AwareDatetime
    backtest_loss: float | None = Field(description="Mean loss per origin, in the target's unit; None where the bundle has none.")
    serving_since: AwareDatetime = Field(description="Wall clock.")
    wanted: str | None = Field(description="Hash of the bundle that the pointer wants, or that the service is pinned to.")
    pinned: bool = Field(False, description="Whether it serves one bundle whatever the pointer wants.")
    generation: int = Field(description="How often the pointer moved; 0 where the service is pinned.")
    ready: bool = Field(description="Whether the wanted bundle is the one that answers.")
    reason: str = Field(description="Why not; empty when ready.")


class Problem(BaseModel):
    """A problem document (RFC 9457), sent as application/problem+json."""

    model_config = ConfigDict(frozen=True)

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    request_id: str | None = None
    field: str | None = Field(None, description="The field of the request that is at fault.")
