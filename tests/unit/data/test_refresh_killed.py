"""`kill -9` anywhere in a refresh: run again, the end is the same."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from model_code.data.refresh import refresh
from model_code.data.store import ObservationStore
from tests.refresh_child import NOW, USECASE, rows
from tests.store_cases import FrameSource

CHILD = Path(__file__).parents[2] / "refresh_child.py"


@pytest.fixture(scope="module")
def untroubled(tmp_path_factory: pytest.TempPathFactory) -> ObservationStore:
    store = ObservationStore(str(tmp_path_factory.mktemp("untroubled")))
    refresh(USECASE, "load", FrameSource(rows()), store, NOW)
    return store


def ends_the_same(store: ObservationStore, untroubled: ObservationStore) -> None:
    refresh(USECASE, "load", FrameSource(rows()), store, NOW)
    pd.testing.assert_frame_equal(store.revisions("loads", "load"), untroubled.revisions("loads", "load"))
    pd.testing.assert_frame_equal(
        store.quarantined("loads", "load").sort_values("row", ignore_index=True),
        untroubled.quarantined("loads", "load").sort_values("row", ignore_index=True),
    )


@pytest.mark.parametrize("nth", [2, 3, 4, 8])
def test_refresh__killed_between_two_steps(tmp_path: Path, untroubled: ObservationStore, nth: int) -> None:
    child = subprocess.run([sys.executable, CHILD, tmp_path, str(nth)], check=False)
    assert child.returncode == -signal.SIGKILL
    ends_the_same(ObservationStore(str(tmp_path)), untroubled)


@pytest.mark.parametrize("files", [1, 3])
def test_refresh__killed_while_files_are_written(tmp_path: Path, untroubled: ObservationStore, files: int) -> None:
    child = subprocess.Popen([sys.executable, CHILD, tmp_path])
    while child.poll() is None and sum(1 for path in tmp_path.rglob("*") if path.is_file()) < files:
        time.sleep(0.0005)
    child.kill()
    child.wait()
    ends_the_same(ObservationStore(str(tmp_path)), untroubled)
