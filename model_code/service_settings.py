"""Settings of model services: what they answer for, where, to whom, and how much at once."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from model_code.settings_group import SettingsGroup


class ServiceSettings(SettingsGroup):
    """Read by model services, by those that start them and by those that ask them."""

    host: str = Field(
        "127.0.0.1", description="Address that local servers listen on. Default: loopback, since no keys are checked there."
    )
    usecase: str = Field(
        "demand_victoria", description="Use case that a model service answers for. Default: the one whose data a package ships."
    )
    pin: str = Field(
        "",
        pattern=r"^([0-9a-f]{64})?$",
        description="Hash of the bundle that a model service serves whatever the pointer wants: a canary's or a shadow's. Default: none, it follows the pointer.",
    )
    pin_version: str = Field(
        "",
        max_length=100,
        description="Registry version of the pinned bundle, kept with its predictions. Default: the one that the ledger knows the bundle by, which a challenger has none in.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto",
        description="Where XGBoost and the LSTM compute. Default: a card where library and machine have one, so that one code serves both images.",
    )
    service_port: int = Field(3000, ge=1, le=65535, description="Port of the local model service.")
    service_url: str = Field(
        "",
        description="Address of the model services, with {usecase} where it differs, its underscores as dashes: http://{usecase}.models. Default: HOST and SERVICE_PORT.",
    )
    workers: int = Field(
        1, ge=1, le=64, description="Worker processes of a model service. Default: one; replicas scale better than workers."
    )
    keys_file: Path | None = Field(
        None,
        description="File of hashed bearer keys that a model service asks for, read again when it changes. Default: none, which only loopback allows.",
    )
    service_key: str = Field(
        "",
        repr=False,
        description="Bearer key that our own clients show to a model service, from the environment only. Default: none.",
    )
    rate_limit: float = Field(
        0.0, ge=0, description="Requests a second of a key that has no rate of its own. Default: 0, without bound."
    )
    max_body_bytes: int = Field(
        8_388_608,
        ge=1_024,
        le=1_073_741_824,
        description="Largest body of /predict, /forecast and infer, in bytes. Default: 10,000 wide rows.",
    )
    max_rows: int = Field(
        10_000,
        ge=1,
        description="Most rows of /predict, infer, and features given to /forecast. Default: about a second's work; /batch takes more.",
    )
    max_batch_bytes: int = Field(
        1_073_741_824,
        ge=1_024,
        description="Largest body of /batch, in bytes; a Parquet file and the answers take as much of the temporary folder. Default: 2.5 million rows of CSV with 20 features.",
    )
    max_batch_rows: int = Field(
        5_000_000, ge=1, description="Most rows of /batch. Default: about half a minute's work of two cores."
    )
    max_concurrent: int = Field(
        512, ge=1, description="Requests in work in one worker, one more is answered 503. Default: half a second's work."
    )
    max_forecasts: int = Field(
        32,
        ge=1,
        description="Forecasts from the store in work in one worker. Default: below the server's time limit on one core.",
    )
    max_batches: int = Field(2, ge=1, description="Batches in work in one worker. Default: bounded by memory.")
    body_seconds: float = Field(
        30.0,
        gt=0,
        le=600,
        description="Seconds for which the body of a request is waited for; of /batch for its next part, longer the more has come. Default: one that trickles in holds a place that others need.",
    )
    warm_forecasts: bool = Field(
        True,
        description="Whether a model service reads what forecasts need right after its start. Default: yes, the first forecast is then as fast as the next; no saves about 100 MB where only rows are asked.",
    )
    drain_seconds: float = Field(
        0.0,
        ge=0,
        le=300,
        description="Seconds that a service which was asked to end goes on answering with readiness off. Default: 0; behind a load balancer, as long as it takes to notice.",
    )

    def service(self, usecase: str) -> str:
        """Base address of a use case's model service.

        Example:
            >>> ServiceSettings(service_url="http://{usecase}.models").service("demand_us")
            'http://demand-us.models'
        """
        own = f"http://{self.host}:{self.service_port}"
        return self.service_url.replace("{usecase}", usecase.replace("_", "-")) or own
