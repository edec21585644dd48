"""A sink that fails as no driver should: whoever waits is told, and the service says that it keeps nothing."""

import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from model_code.errors import StoreError
from model_code.kept.block import Block
from model_code.kept.rows import Row
from services.keeping.committer import StoreKeeper
from services.keeping.keeper import SpoolFull
from services.keeping.open_sink import open_sink
from tests.services.keeping import record, request_ids
from tests.waiting import until


class SurprisingSink:
    """A real sink that raises what it is given at its first commit, once it is let go on.

    Args:
        url: The store's SQL URL.
        surprise: Raised once.
    """

    def __init__(self, url: str, surprise: BaseException) -> None:
        self.asked, self.go_on = threading.Event(), threading.Event()
        self._sink = open_sink(url)
        self._surprise: BaseException | None = surprise

    def add(self, rows: Iterable[Row], blocks: Iterable[Block] = ()) -> int:
        surprise, self._surprise = self._surprise, None
        if surprise is not None:
            self.asked.set()
            assert self.go_on.wait(60)
            raise surprise
        return self._sink.add(rows, blocks)

    def close(self) -> None:
        self._sink.close()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'state.db'}"


def test_store_keeper__outlives_what_no_sink_should_raise_and_is_down_until_it_commits_again(url: str) -> None:
    sink = SurprisingSink(url, RuntimeError("no such state"))
    keeper = StoreKeeper(url, lambda _url: sink)
    first = keeper.keep(record("first"))
    assert sink.asked.wait(60)
    sink.go_on.set()

    with pytest.raises(StoreError, match="no such state"):
        first.result(60)

    assert "no such state" in keeper.standing.refusing
    assert keeper.standing.store_down_since is not None
    until(lambda: not keeper.standing.refusing)  # by itself: a service that is not ready is not asked
    keeper.keep(record("after")).result(60)
    keeper.close()
    assert request_ids(url) == ["after"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # its thread ends so
def test_store_keeper__whose_thread_is_dead_leaves_nobody_waiting_and_refuses_at_once(url: str) -> None:
    sink = SurprisingSink(url, SystemExit())
    keeper = StoreKeeper(url, lambda _url: sink)
    taken = keeper.keep(record("taken"))
    assert sink.asked.wait(60)
    queued = keeper.keep(record("queued"))
    sink.go_on.set()

    for each in (taken, queued):
        with pytest.raises(StoreError, match="committed no more"):
            each.result(60)

    with pytest.raises(SpoolFull, match="committed no more"):
        keeper.keep(record("refused"))
    standing = keeper.standing
    assert "committed no more" in standing.refusing
    assert standing.store_down_since is not None
    assert (standing.pending_bytes, standing.oldest_seconds) == (0, 0.0)
    keeper.close()
