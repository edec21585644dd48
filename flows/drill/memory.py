"""An installation that remembers: what cannot change between two looks is read and computed once."""

from collections.abc import Callable
from copy import copy
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from types import ModuleType, SimpleNamespace
from typing import Any

import pandas as pd

from flows.drill.tables import RememberedLedger, RememberedStore
from model_code.bundle import Bundle
from model_code.data.known import Known, KnownHistory
from model_code.installation import Installation
from model_code.settings import Settings
from model_code.usecase import UseCase, UseCaseSpec

SETTLED = timedelta(days=28)  # longer than anything that a drill does is late or wrong
END_OF_TIME = datetime(2100, 1, 1, tzinfo=UTC)


class Settled(KnownHistory):
    """What was known at an origin is read once, and once more when all its corrections are in."""

    seen: dict[object, Known]

    def at(self, origin: datetime, *, seen_from: datetime | None = None) -> Known:
        """As `KnownHistory.at`."""
        settled = seen_from is not None and seen_from - origin > SETTLED
        key = (origin, "settled" if settled else seen_from)
        if key not in self.seen:
            self.seen[key] = super().at(origin, seen_from=seen_from)
        return self.seen[key]


def remembering(features: ModuleType) -> Any:
    """The use case's feature code, asked once for the same knowledge; it can depend on nothing else."""
    told: dict[object, tuple[Known, Any]] = {}  # holds what was known, so that no other gets its id

    def once(ask: Callable[..., Any], known: Known, origin: pd.Timestamp, what: Any, spec: UseCaseSpec) -> Any:
        key = (ask.__name__, id(known), what if isinstance(what, str) else len(what))
        if key not in told:
            told[key] = (known, ask(known, origin, what, spec))
        return copy(told[key][1])

    asked = {name: partial(once, getattr(features, name)) for name in ("build", "context") if hasattr(features, name)}
    return SimpleNamespace(**asked)


class Remembered(Installation):
    """Reads tables again only when they have grown, and bundles once. Every read is as known at a moment."""

    def __init__(self, usecase: UseCase, settings: Settings) -> None:
        super().__init__(usecase, settings)
        self._bundles: dict[str, Bundle] = {}
        self._features: dict[str, Any] = {}
        self._seen: dict[object, Known] = {}
        self._history: Settled | None = None
        self._remember(usecase)

    @cached_property
    def store(self) -> RememberedStore:
        """Observation tables, their latest version held in memory."""
        return RememberedStore(self.settings.store)

    @cached_property
    def ledger(self) -> RememberedLedger:
        """Every entry read once."""
        return RememberedLedger(self.sql)

    def history(self, until: datetime | pd.Timestamp) -> KnownHistory:
        """Everything that the tables hold now; rows from after `until` do no harm, since reads name their moment."""
        tables = self.lineage()
        if self._history is None or self._history.versions != tables:
            self._history = Settled.load(self.usecase, self.store, END_OF_TIME, tables)
            self._history.seen = self._seen
        return self._history

    def renew(self) -> None:
        """Read the tables again at the next chance: what was set aside has changed, which no table version tells."""
        self._history = None

    def bundle(self, hash_: str) -> Bundle:
        """The bundle, loaded once."""
        if hash_ not in self._bundles:
            self._bundles[hash_] = super().bundle(hash_)
            self._remember(self._bundles[hash_].usecase)
        return self._bundles[hash_]

    def _remember(self, usecase: UseCase) -> None:
        """All share what was built by the same code."""
        version = usecase.features_version
        if version not in self._features:
            self._features[version] = remembering(usecase.features)
        usecase.__dict__["features"] = self._features[version]
