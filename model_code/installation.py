"""One use case in this installation: its stores, ledger, registry, opened when first asked for."""

from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from model_code import logs
from model_code.bundle import Bundle
from model_code.bundle_store import BundleStore
from model_code.errors import BundleError, BundleUnavailable
from model_code.models.device import DEVICES
from model_code.settings import Settings
from model_code.usecase import UseCase, load_usecase

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy import Engine

    from model_code.data.known import KnownHistory
    from model_code.data.store import ObservationStore
    from model_code.ledger import Ledger
    from model_code.pointer import Pointers
    from model_code.predictions import PredictionStore
    from model_code.promotion import Promoter
    from model_code.registry import Registry


class Installation:
    """Where everything of one use case lies, by the settings.

    Each part is imported when it is first asked for: a service that loads bundles and watches the pointer
    pays neither for data frames nor for the registry.

    Args:
        usecase: The use case.
        settings: The installation's settings.
    """

    def __init__(self, usecase: UseCase, settings: Settings) -> None:
        self.usecase = usecase
        self.settings = settings
        DEVICES.prefer(settings.device)

    @classmethod
    def open(cls, name: str, settings: Settings | None = None) -> "Installation":
        """The installation of the use case called `name`, by the environment's settings unless given.

        Raises:
            ConfigurationError: No such use case, or a wrong setting.
        """
        chosen = settings or Settings.load()
        logs.bind(usecase=name)
        return cls(load_usecase(name, chosen), chosen)

    def present(self, now: datetime | None) -> "pd.Timestamp":
        """The moment to act at, in UTC: the given one, else the use case's fixed present, else the clock."""
        import pandas as pd

        return pd.Timestamp(now or self.usecase.spec.present or datetime.now(UTC)).tz_convert("UTC")

    @cached_property
    def store(self) -> "ObservationStore":
        """Observation tables."""
        from model_code.data.store import ObservationStore

        return ObservationStore(self.settings.store)

    @cached_property
    def sql(self) -> "Engine":
        """The database of ledger, predictions and pointer."""
        from model_code.sql import engine

        return engine(self.settings.sql)

    @cached_property
    def ledger(self) -> "Ledger":
        """Who did what, when, why."""
        from model_code.ledger import Ledger

        return Ledger(self.sql)

    @cached_property
    def pointers(self) -> "Pointers":
        """Which bundle is wanted."""
        from model_code.pointer import Pointers

        return Pointers(self.sql)

    @cached_property
    def predictions(self) -> "PredictionStore":
        """Every prediction ever answered."""
        from model_code.predictions import PredictionStore

        return PredictionStore(self.sql)

    @cached_property
    def registry(self) -> "Registry":
        """Model versions and their aliases in MLflow."""
        from model_code.registry import Registry

        return Registry(self.settings.mlflow)

    @cached_property
    def promoter(self) -> "Promoter":
        """Moves champion, previous and the pointer, with a record."""
        from model_code.promotion import Promoter

        return Promoter(self.registry, self.ledger, self.pointers)

    @cached_property
    def bundles(self) -> BundleStore:
        """Where bundles lie; what pointers name stays in its cache."""
        return BundleStore(
            self.settings.bundles,
            cache=self.settings.bundles_folder,
            baked=self.settings.bundles_baked,
            wanted=lambda: self.pointers.bundles(),
        )

    def bundle(self, hash_: str) -> Bundle:
        """The bundle of that hash, verified.

        Raises:
            BundleError: Missing, altered, or wrong golden answers.
            BundleUnavailable: The bundle store cannot be asked.
        """
        return self.bundles.load(hash_)

    def bundle_of(self, version: str) -> Bundle:
        """The bundle of a registry version, verified.

        Raises:
            RegistryError: There is no such version.
            BundleError: It is registered, but its bundle is missing, altered, or gives wrong golden answers.
            BundleUnavailable: The bundle store cannot be asked.
        """
        hash_ = self.registry.bundle_of(self.usecase.name, version)
        try:
            return self.bundle(hash_)
        except BundleUnavailable:
            raise
        except BundleError as error:
            raise BundleError(
                f"version {version} of {self.usecase.name} is registered, but its bundle cannot be used: {error.message}",
                hint=f"copy {hash_} into {self.bundles.url} from where it was trained, or choose another version",
            ) from error

    def history(self, until: "datetime | pd.Timestamp") -> "KnownHistory":
        """Everything known by `until`.

        Raises:
            TooLittleData: A feed has no table yet.
        """
        from model_code.data.known import KnownHistory

        return KnownHistory.load(self.usecase, self.store, until)

    def lineage(self) -> dict[str, int]:
        """Feed -> version of its table now."""
        return {feed: self.store.version(self.usecase.name, feed) for feed in self.usecase.spec.feeds}
