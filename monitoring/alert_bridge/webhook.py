"""Alertmanager's webhook (version 4), parsed strictly: what is read is bounded and typed, what is not read is left alone."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator

from model_code.errors import InvalidRequest

MAX_ALERTS = 1000
MAX_LABELS = 64
Name = Annotated[str, Field(min_length=1, max_length=128)]
Text = Annotated[str, Field(max_length=4096)]


class WrongWebhook(InvalidRequest):
    """The body is not what Alertmanager sends."""

    title = "Not an Alertmanager webhook"


class Alert(BaseModel):
    """One alert, firing or resolved.

    Attributes:
        fingerprint: Alertmanager's hash of the labels.
        labels: `alertname`, and of ours `usecase`, `severity`, `verdict`, `series`.
        annotations: `summary`, `runbook_url`, …
        startsAt: When it began to fire (aware).
    """

    # Fields that a later Alertmanager adds must not silence every alert, so they are left alone here.
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    status: Literal["firing", "resolved"]
    fingerprint: str = Field(pattern=r"^[0-9a-f]{1,64}$")
    labels: dict[Name, Text] = Field(max_length=MAX_LABELS)
    annotations: dict[Name, Text] = Field({}, max_length=MAX_LABELS)
    startsAt: Annotated[AwareDatetime, Field(strict=False)]  # as it is on the wire

    @field_validator("labels")
    @classmethod
    def _known(cls, labels: dict[str, str]) -> dict[str, str]:
        """Names that become part of an event's name, or a flow's parameter, look like names."""
        name, usecase = labels.get("alertname", ""), labels.get("usecase", "")
        if not name.isidentifier() or not name.isascii():
            raise ValueError(f"alertname {name[:60]!r} is not a name")
        if usecase and not (usecase.isidentifier() and usecase.isascii() and usecase.islower() and len(usecase) <= 41):
            raise ValueError(f"usecase {usecase[:60]!r} is not the name of a use case")
        return labels

    @property
    def name(self) -> str:
        """Of the alert rule."""
        return self.labels["alertname"]

    @property
    def usecase(self) -> str | None:
        """The use case concerned; None where it is the whole installation."""
        return self.labels.get("usecase") or None


@dataclass(frozen=True)
class Webhook:
    """What one post holds: alerts that can be read, and what is wrong with the others.

    Attributes:
        alerts: In the order of the post.
        refused: One sentence for each alert that cannot be read.
    """

    alerts: tuple[Alert, ...]
    refused: tuple[str, ...] = ()


def parse(body: bytes) -> Webhook:
    """Read a post.

    Alertmanager does not repeat what is refused, so one alert that cannot be read keeps none of the others from being kept.

    Raises:
        WrongWebhook: Not JSON, not version 4, no list of alerts, or too many of them.

    Example:
        >>> parse(b'{"version": "4", "alerts": []}').alerts
        ()
    """
    envelope = _envelope(body)
    alerts, refused = [], []
    for number, item in enumerate(envelope["alerts"]):
        try:
            alerts.append(Alert.model_validate(item))
        except ValidationError as error:
            refused.append(f"alerts[{number}]: " + "; ".join(_told(each) for each in error.errors()[:3]))
    return Webhook(tuple(alerts), tuple(refused))


def _envelope(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise WrongWebhook(f"body: {error}", hint="the body must be JSON") from error
    if not isinstance(found, dict) or found.get("version") != "4":
        raise WrongWebhook("version: must be '4'", hint="point a webhook_config of Alertmanager at this address")
    if not isinstance(found.get("alerts"), list):
        raise WrongWebhook("alerts: must be a list")
    if len(found["alerts"]) > MAX_ALERTS:
        raise WrongWebhook(
            f"alerts: {len(found['alerts'])}, at most {MAX_ALERTS} are read", hint="set max_alerts of the receiver"
        )
    return found


def _told(error: Any) -> str:
    return f"{'.'.join(str(part) for part in error['loc']) or 'alert'}: {error['msg']}"
