"""The observations that forecasts need, held in memory and read again when a table changed."""

import threading

import pandas as pd

from model_code.data.known import Known, KnownHistory
from model_code.data.store import ObservationStore
from model_code.usecase import UseCaseSpec


class Observations:
    """As-known-at reads for a service; safe to share between threads.

    Only what reaches back to the earliest origin asked for is held, so that memory follows the use, not the table.

    Args:
        store: Where the tables are.
    """

    def __init__(self, store: ObservationStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._spec: UseCaseSpec | None = None
        self._versions: dict[str, int] = {}
        self._start: pd.Timestamp | None = None
        self._history: KnownHistory | None = None

    def known(self, spec: UseCaseSpec, origin: pd.Timestamp) -> Known:
        """What was known at the origin (UTC), from tables that are as new as the call.

        Raises:
            TooLittleData: A feed has no table yet.
            StoreError: A table cannot be read.
        """
        start = origin - spec.lookback
        with self._lock:
            versions = {feed: self._store.version(spec.name, feed) for feed in spec.feeds}
            changed = spec is not self._spec or versions != self._versions
            if self._history is None or self._start is None or changed or start < self._start:
                self._history = KnownHistory(
                    spec,
                    {
                        feed: self._store.revisions(spec.name, feed, start=start, version=version)
                        for feed, version in versions.items()
                    },
                )
                self._spec, self._versions, self._start = spec, versions, start
            history = self._history
        return history.at(origin)
