"""The model service's command, as a container starts it."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.waiting import until

SERVE = [sys.executable, "-m", "services.forecaster", "--usecase", "none_of_that_name"]
# As a container's first process, which signals without a handler do not reach.
FIRST = ["unshare", "--fork", "--pid", "--kill-child"]


@pytest.mark.parametrize("before", [[], FIRST], ids=["any process", "a container's first process"])
def test_sigterm__ends_a_service_that_is_still_importing(before: list[str]) -> None:
    if before and subprocess.run([*before, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no process may be made the first of its own here")
    started = subprocess.Popen([*before, *SERVE], cwd=Path(__file__).parents[2])
    try:
        service = psutil.Process(started.pid)
        if before:
            until(service.children, 0)
            service = service.children()[0]
        until(lambda: _handles(service.pid), 0)  # without a pause: what is waited for passes within a second

        service.send_signal(signal.SIGTERM)

        assert started.wait(20) == 128 + signal.SIGTERM
    finally:
        started.kill()
        started.wait()


STARTING = """
import signal, uvicorn
from services.forecaster.server import DrainingServer

server = DrainingServer(uvicorn.Config("none"), drain_seconds=5.0)
server.handle_exit(signal.SIGTERM, None)
print(server.should_exit)
"""


def test_sigterm__while_the_service_is_made_ends_it_once_it_is() -> None:
    done = subprocess.run([sys.executable, "-c", STARTING], cwd=Path(__file__).parents[2], capture_output=True, text=True)

    assert (done.returncode, done.stdout.split()[-1:]) == (0, ["True"]), done.stderr


def _handles(pid: int) -> bool:
    caught = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)
