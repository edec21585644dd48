"""The observations that forecasts need, held in memory and read again when a table changed."""

import threading
from collections import OrderedDict
from pathlib import Path

import pandas as pd

from model_code.data.delta import locate
from model_code.data.known import Known, KnownHistory
from model_code.data.store import ObservationStore
from model_code.usecase import UseCaseSpec
from services.forecaster.table_watch import TableState, TableWatch

REMEMBERED_ORIGINS = 8  # most questions are about the latest one


class Observations:
    """As-known-at reads for a service; safe to share between threads.

    Only what reaches back to the earliest origin asked for is held, so that memory follows the use, not the table.

    Args:
        store: Where the tables are.
        recheck_seconds: How old a bucket's versions may be; a folder is looked at for each read.
    """

    def __init__(self, store: ObservationStore, recheck_seconds: float) -> None:
        self._store = store
        self._recheck = recheck_seconds
        self._lock = threading.Lock()
        self._watches: dict[str, TableWatch] = {}
        self._spec: UseCaseSpec | None = None
        self._states: dict[str, TableState] = {}
        self._start: pd.Timestamp | None = None
        self._history: KnownHistory | None = None
        self._known: OrderedDict[pd.Timestamp, Known] = OrderedDict()

    def known(self, spec: UseCaseSpec, origin: pd.Timestamp) -> Known:
        """What was known at the origin (UTC), from tables that are as new as the call.

        Raises:
            TooLittleData: A feed has no table yet.
            StoreError: A table cannot be read.
        """
        with self._lock:
            states = {feed: self._watch(spec, feed).state() for feed in spec.feeds}
            start = origin - spec.lookback
            changed = spec is not self._spec or states != self._states
            if self._history is None or self._start is None or changed or start < self._start:
                self._read(spec, states, start)
            known = self._known.get(origin)
            if known is None:
                assert self._history is not None
                known = self._known[origin] = self._history.at(origin)
                if len(self._known) > REMEMBERED_ORIGINS:
                    self._known.popitem(last=False)
            return known

    def _read(self, spec: UseCaseSpec, states: dict[str, TableState], start: pd.Timestamp) -> None:
        frames = {
            feed: self._store.revisions(spec.name, feed, start=start, version=state.version) for feed, state in states.items()
        }
        self._history = KnownHistory(spec, frames)
        self._spec, self._states, self._start = spec, states, start
        self._known.clear()

    def _watch(self, spec: UseCaseSpec, feed: str) -> TableWatch:
        watch = self._watches.get(feed)
        if watch is None:
            url = locate(self._store.url, spec.name, feed, "observations")
            log = None if "://" in url else Path(url) / "_delta_log"
            watch = self._watches[feed] = TableWatch(log, lambda: self._store.version(spec.name, feed), self._recheck)
        return watch
