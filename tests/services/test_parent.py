"""A worker and the process that watches over it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from services.forecaster.parent import PARENT

WORKER = "import time; from services.forecaster.parent import end_with_parent; end_with_parent(); time.sleep(60)"


@pytest.mark.parametrize("told", [True, False])
def test_end_with_parent__watches_the_supervisor_it_was_told_of_even_one_that_died_meanwhile(told: bool) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    environment = {**os.environ, PARENT: str(ended.pid if told else os.getpid())}

    worker = subprocess.Popen([sys.executable, "-c", WORKER], cwd=Path(__file__).parents[2], env=environment)
    try:
        if told:
            assert worker.wait(30) == -signal.SIGTERM
        else:
            with pytest.raises(subprocess.TimeoutExpired):
                worker.wait(3)
    finally:
        worker.kill()
        worker.wait()
