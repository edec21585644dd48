"""One use case in this installation: its stores, ledger, registry, opened when first asked for."""

from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import pandas as pd
from sqlalchemy import Engine

from model_code.bundle import Bundle, load_bundle
from model_code.data.known import KnownHistory
from model_code.data.store import ObservationStore
from model_code.ledger import Ledger
from model_code.pointer import Pointers
from model_code.predictions import PredictionStore
from model_code.promotion import Promoter
from model_code.registry import Registry
from model_code.settings import Settings
from model_code.sql import engine
from model_code.usecase import UseCase, load_usecase


class Installation:
    """Where everything of one use case lies, by the settings.

    Args:
        usecase: The use case.
        settings: The installation's settings.
    """

    def __init__(self, usecase: UseCase, settings: Settings) -> None:
        self.usecase = usecase
        self.settings = settings

    @classmethod
    def open(cls, name: str, settings: Settings | None = None) -> "Installation":
        """The installation of the use case called `name`, by the environment's settings unless given.

        Raises:
            ConfigurationError: No such use case, or a wrong setting.
        """
        chosen = settings or Settings.load()
        return cls(load_usecase(name, chosen), chosen)

    def present(self, now: datetime | None) -> pd.Timestamp:
        """The moment to act at, in UTC: the given one, else the use case's fixed present, else the clock."""
        return pd.Timestamp(now or self.usecase.spec.present or datetime.now(UTC)).tz_convert("UTC")

    @cached_property
    def store(self) -> ObservationStore:
        """Observation tables."""
        return ObservationStore(self.settings.store)

    @cached_property
    def sql(self) -> Engine:
        """The database of ledger, predictions and pointer."""
        return engine(self.settings.sql)

    @cached_property
    def ledger(self) -> Ledger:
        """Who did what, when, why."""
        return Ledger(self.sql)

    @cached_property
    def pointers(self) -> Pointers:
        """Which bundle is wanted."""
        return Pointers(self.sql)

    @cached_property
    def predictions(self) -> PredictionStore:
        """Every prediction ever answered."""
        return PredictionStore(self.sql)

    @cached_property
    def registry(self) -> Registry:
        """Model versions and their aliases in MLflow."""
        return Registry(self.settings.mlflow)

    @cached_property
    def promoter(self) -> Promoter:
        """Moves champion, previous and the pointer, with a record."""
        return Promoter(self.registry, self.ledger, self.pointers)

    @cached_property
    def bundles(self) -> Path:
        """Folder of the bundle store."""
        return Path(self.settings.bundles)

    def bundle(self, hash_: str) -> Bundle:
        """The bundle of that hash, verified.

        Raises:
            BundleError: Missing, altered, or wrong golden answers.
        """
        return load_bundle(self.bundles, hash_)

    def history(self, until: datetime | pd.Timestamp) -> KnownHistory:
        """Everything known by `until`.

        Raises:
            TooLittleData: A feed has no table yet.
        """
        return KnownHistory.load(self.usecase, self.store, until)

    def lineage(self) -> dict[str, int]:
        """Feed -> version of its table now."""
        return {feed: self.store.version(self.usecase.name, feed) for feed in self.usecase.spec.feeds}
