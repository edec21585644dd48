"""Settings of one installation: frozen, from the environment (`EVENKEEL_…`), a misspelt name is refused."""

import difflib
import os
from pathlib import Path
from typing import Literal, Self

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from model_code.errors import ConfigurationError
from model_code.job_settings import JobSettings
from model_code.rollout_settings import RolloutSettings

PREFIX = "EVENKEEL_"


class Settings(JobSettings, RolloutSettings):
    """Where things lie and which ports are used. Every default is embedded: no service, no key.

    Example:
        >>> Settings(home="/tmp/x").bundles
        '/tmp/x/bundles'
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    home: Path = Field(
        Path(".evenkeel"),
        description="Folder of all local state. Default: beside the checkout, so that removing it starts clean.",
    )
    store_url: str = Field("", description="Observation tables (Delta Lake): folder, s3:// or gs:// URL. Default: HOME/store.")
    store_recheck_seconds: float = Field(
        1.0,
        ge=0,
        le=60,
        description="Seconds for which a service takes the tables of a bucket to be unchanged; a folder is looked at for each forecast. Default: a listing each second for each feed, not for each request.",
    )
    bundles_url: str = Field("", description="Bundle store: folder, s3:// or gs:// URL. Default: HOME/bundles.")
    bundles_cache: Path | None = Field(
        None, description="Folder for bundles fetched from a bucket; eight and those wanted stay. Default: HOME/bundles-cache."
    )
    bundles_baked: Path | None = Field(
        None, description="Folder of the bundles that an image carries, looked into first. Default: none, outside of images."
    )
    sql_url: str = Field(
        "", description="SQLAlchemy URL of ledger, predictions and pointer. Default: SQLite in HOME/evenkeel.db."
    )
    keep: Literal["spool", "store"] = Field(
        "spool",
        description="When a prediction counts as kept: `spool`, written to a file that a mover empties into the store; `store`, committed there. Default: a file is ten times faster and outlives a store that is down; docs/keeping.md names the losses that remain.",
    )
    spool_folder: str = Field(
        "", description="Folder of the spool, on a disk or volume that outlives the process. Default: HOME/spool."
    )
    spool_bytes: int = Field(
        256 << 20,
        ge=1 << 16,
        description="Most bytes that may wait to be stored; beyond, the service refuses to answer. Default: about 800,000 single predictions, an hour of 200 a second.",
    )
    mlflow_url: str = Field("", description="MLflow tracking URL. Default: SQLite in HOME/mlflow.db, which needs no server.")
    usecase_path: str = Field("", description="More folders with use cases, separated by ':'. Default: none, only those shipped.")
    world_file: Path | None = Field(
        None, description="JSON that perturbs the embedded data set (demo and drills only). Default: none, the data as they are."
    )
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
        description="Largest body of /predict and infer, in bytes. Default: 10,000 wide rows.",
    )
    max_rows: int = Field(
        10_000, ge=1, description="Most rows of /predict and infer. Default: about a second's work; /batch takes more."
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
    prefect_port: int = Field(4200, ge=1, le=65535, description="Port of the local Prefect server.")
    mlflow_port: int = Field(5000, ge=1, le=65535, description="Port of the local MLflow server.")
    exporter_port: int = Field(9464, ge=1, le=65535, description="Port of the metrics exporter.")
    prometheus_port: int = Field(
        9467,
        ge=1,
        le=65535,
        description="Port of the local Prometheus, where it is installed. Default: beside the exporter's; Debian's package starts one of its own on 9090.",
    )
    prometheus_days: int = Field(
        90,
        ge=1,
        le=3_650,
        description="Days for which Prometheus keeps series. Default: a quarter, so that a season can be seen.",
    )
    alertmanager_port: int = Field(
        9468, ge=1, le=65535, description="Port of the local Alertmanager, where it is installed. Default: beside Prometheus'."
    )
    scrape_seconds: float = Field(
        15.0,
        ge=1,
        le=300,
        description="Seconds between two scrapes, and two looks at the rules; waits of alerts follow from it. Default: Prometheus' usual pace; drills take 1.",
    )
    runbooks_url: str = Field(
        "",
        description="Address of the folder that holds monitoring/runbooks, for links in alerts. Default: this checkout's files.",
    )
    grafana_url: str = Field(
        "",
        description="Address of the Grafana that gets releases, actions and incidents as annotations, with its path. Default: none, nothing is written.",
    )
    grafana_token: str = Field(
        "",
        repr=False,
        description="Token of a service account that may write annotations, from the environment only. Default: none, needed with an address.",
    )
    reports_port: int = Field(9466, ge=1, le=65535, description="Port of the report server. Default: beside the bridge's.")
    report_pages: Literal["always", "breach", "never"] = Field(
        "always",
        description="When a report has pages for people beside its numbers; each page takes a second or two. Default: always; `breach` leaves out those on schedule.",
    )
    bridge_port: int = Field(
        9465, ge=1, le=65535, description="Port of the bridge from Alertmanager to Prefect. Default: beside the exporter's."
    )
    bridge_token: str = Field(
        "",
        repr=False,
        description="Bearer token that Alertmanager shows to the bridge, from the environment only. Default: made once, in HOME/run/bridge.token for its owner alone.",
    )
    watchdog_url: str = Field(
        "",
        repr=False,
        description="Where Alertmanager posts an alert that always fires, every four scrapes: a service outside that calls a person when it stops coming, since nothing inside can tell that Prometheus is down. From the environment only, as its path is often a secret. Default: nowhere.",
    )
    notify_urls: str = Field(
        "",
        repr=False,
        description="Where incidents are told of: Apprise URLs (mailtos://, slack://, jsons://, …), separated by spaces, from the environment only. Default: nobody.",
    )
    notify_file: Path | None = Field(
        None, description="File of such URLs, one a line, read at each message; a mounted secret, say. Default: none."
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="Form of every part's log lines: `text` for people, `json` for a collector. Default: people."
    )
    http_timeout: float = Field(
        20.0,
        gt=0,
        le=300,
        description="Seconds that one request to a data source may take. Default: EIA's slow pages take about ten.",
    )
    eia_api_key: str = Field(
        "", repr=False, description="Key of the EIA API, from the environment only. Default: none; sources that need it say so."
    )
    eia_url: str = Field("https://api.eia.gov", description="Base address of the EIA API; tests point it at a local fake.")
    gcp_bucket: str = Field(
        "", description="Google Cloud Storage bucket of the `gcp` environment: code and results. Default: none, only local."
    )
    gcp_folder: str = Field(
        "evenkeel", pattern=r"^[\w.-]+(/[\w.-]+)*$", description="Folder in that bucket, so that installations can share one."
    )
    gcp_eia_secret: str = Field(
        "",
        description="Name of the secret in Google's Secret Manager that holds the EIA key. Default: none; EVENKEEL_EIA_API_KEY goes into a secret block.",
    )
    open_meteo_forecast_url: str = Field("https://api.open-meteo.com", description="Base address of Open-Meteo's forecasts.")
    open_meteo_archive_url: str = Field("https://archive-api.open-meteo.com", description="Base address of Open-Meteo's archive.")
    open_meteo_previous_url: str = Field(
        "https://previous-runs-api.open-meteo.com",
        description="Base address of Open-Meteo's previous runs (what was forecast at the time).",
    )

    @property
    def store(self) -> str:
        """URL of the observation tables."""
        return self.store_url or str(self.home / "store")

    @property
    def bundles(self) -> str:
        """Folder or URL of the bundle store."""
        return self.bundles_url or str(self.home / "bundles")

    @property
    def bundles_folder(self) -> Path:
        """Folder for what is fetched from a bundle store in a bucket."""
        return self.bundles_cache or self.home / "bundles-cache"

    @property
    def sql(self) -> str:
        """SQLAlchemy URL of ledger, predictions and pointer."""
        return self.sql_url or f"sqlite:///{(self.home / 'evenkeel.db').resolve()}"

    @property
    def spool(self) -> Path:
        """Folder of the spool."""
        return Path(self.spool_folder) if self.spool_folder else self.home / "spool"

    @property
    def mlflow(self) -> str:
        """MLflow tracking and registry URL."""
        return self.mlflow_url or f"sqlite:///{(self.home / 'mlflow.db').resolve()}"

    def service(self, usecase: str) -> str:
        """Base address of a use case's model service.

        Example:
            >>> Settings(service_url="http://{usecase}.models").service("demand_us")
            'http://demand-us.models'
        """
        own = f"http://{self.host}:{self.service_port}"
        return self.service_url.replace("{usecase}", usecase.replace("_", "-")) or own

    def environment(self) -> dict[str, str]:
        """The variables that give a child process in the same folder these settings.

        Example:
            >>> Settings(home="/tmp/x").environment()["EVENKEEL_HOME"]
            '/tmp/x'
        """
        given = {name: getattr(self, name) for name in type(self).model_fields}
        return {f"{PREFIX}{name.upper()}": str(value) for name, value in given.items() if value is not None}

    @classmethod
    def load(cls) -> Self:
        """Settings from the environment.

        Raises:
            ConfigurationError: A variable is misspelt or its value is wrong.
        """
        known = {f"{PREFIX}{name.upper()}" for name in cls.model_fields}
        for name in os.environ:
            if name.upper().startswith(PREFIX) and name.upper() not in known:
                close = difflib.get_close_matches(name.upper(), known, n=1)
                raise ConfigurationError(
                    f"unknown setting {name}",
                    hint=f"did you mean {close[0]}?" if close else "see docs/settings.md",
                )
        try:
            return cls()
        except ValueError as error:
            raise ConfigurationError(f"wrong setting: {error}", hint="see docs/settings.md") from error
