"""Settings of what is kept: where tables, bundles, ledger, predictions, models and use cases lie."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from model_code.settings_group import SettingsGroup


class StoreSettings(SettingsGroup):
    """Read by every part. What is not named lies below `home`."""

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
