"""What a use case says of its rollouts: how much traffic a new version gets, how long, and what it must not do there."""

from typing import Self

from pydantic import Field, model_validator

from model_code.spec import Spec


class Rollout(Spec):
    """How a new version becomes the running endpoint, step by step: docs/canary.md."""

    weights: tuple[int, ...] = Field(
        (5, 25, 50),
        max_length=20,
        description="Percent of the traffic at each canary step, rising. Default: at most one request in twenty meets a bad release at first; empty, the paired replay alone decides. 100, as the last or the only one, is blue/green: the new version answers all, and the old one still stands.",
    )
    step_seconds: float = Field(
        60,
        ge=0,
        le=86_400,
        description="Seconds that each canary step lasts at least. Default: four scrapes of Prometheus at its usual pace.",
    )
    patience_seconds: float = Field(
        120,
        ge=0,
        le=86_400,
        description="Seconds beyond its own that a step waits for evidence that is missing or too little; then the rollout is refused.",
    )
    min_requests: int = Field(
        100,
        ge=1,
        description="Requests on both tracks from which serving metrics alone are a verdict; with fewer, the paired replay decides.",
    )
    max_error_ratio: float = Field(
        1.5, ge=1, description="Largest share of failed requests, as a multiple of the stable track's."
    )
    error_floor: float = Field(
        0.01,
        ge=0,
        lt=1,
        description="Share of failed requests that is never too many. Default: a stable track without any has no ratio.",
    )
    max_latency_ratio: float = Field(2.0, gt=1, description="Largest latency, as a multiple of the stable track's.")
    latency_floor_seconds: float = Field(
        0.1, ge=0, description="Latency that is never too long. Default: below it, two machines differ by as much as two models."
    )
    shadow_seconds: float = Field(
        30,
        ge=0,
        le=86_400,
        description="Seconds for which live requests are replayed to the new version before any caller meets it.",
    )
    shadow_requests: int = Field(
        200, ge=0, le=10_000, description="Most requests that are replayed there. 0: no shadow, the new version starts as canary."
    )
    max_difference: float = Field(
        0.5,
        gt=0,
        description="Largest mean difference between the shadow's answers and those given, as a share of the mean answer. Default: only what cannot be the same quantity; who is better is for the truth to say.",
    )
    origins: int = Field(
        28,
        ge=2,
        le=1_000,
        description="Forecast origins of the paired replay, the latest with known truth. They are written down before the first answer, all of them count, and there is one look. Default: four weeks of days, so that weekdays balance.",
    )
    confidence: float = Field(0.9, gt=0.5, lt=1, description="One-sided confidence of the paired replay that the loss is lower.")
    min_gain: float = Field(0.0, ge=0, lt=1, description="Least relative gain in the paired replay.")
    replay_seconds: float = Field(300, gt=0, le=86_400, description="Seconds that the paired replay may take.")
    ready_seconds: float = Field(
        180, gt=0, le=3_600, description="Seconds that a track may take to become ready, image included."
    )

    @model_validator(mode="after")
    def _weights_rise(self) -> Self:
        if list(self.weights) != sorted(set(self.weights)) or any(not 0 < weight <= 100 for weight in self.weights):
            raise ValueError(f"rollout.weights {list(self.weights)} must rise, each between 1 and 100")
        return self
