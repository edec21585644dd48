"""Settings of one installation: frozen, from the environment (`EVENKEEL_…`), a misspelt name is refused."""

import difflib
import os
from pathlib import Path
from typing import Self

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from model_code.errors import ConfigurationError

PREFIX = "EVENKEEL_"


class Settings(BaseSettings):
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
    bundles_url: str = Field("", description="Bundle store: a folder. Default: HOME/bundles.")
    sql_url: str = Field(
        "", description="SQLAlchemy URL of ledger, predictions and pointer. Default: SQLite in HOME/evenkeel.db."
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
    service_port: int = Field(3000, ge=1, le=65535, description="Port of the local model service.")
    prefect_port: int = Field(4200, ge=1, le=65535, description="Port of the local Prefect server.")
    mlflow_port: int = Field(5000, ge=1, le=65535, description="Port of the local MLflow server.")
    exporter_port: int = Field(9464, ge=1, le=65535, description="Port of the metrics exporter.")
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
        """Folder of the bundle store."""
        return self.bundles_url or str(self.home / "bundles")

    @property
    def sql(self) -> str:
        """SQLAlchemy URL of ledger, predictions and pointer."""
        return self.sql_url or f"sqlite:///{(self.home / 'evenkeel.db').resolve()}"

    @property
    def mlflow(self) -> str:
        """MLflow tracking and registry URL."""
        return self.mlflow_url or f"sqlite:///{(self.home / 'mlflow.db').resolve()}"

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
