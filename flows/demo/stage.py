"""The demo's stage: its own folder, free ports, the local stack, and runs of deployments as a user would start them."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from prefect.context import refresh_global_settings_context

from flows.demo.scenario import USECASE, Scenario
from flows.runs import RUN_SECONDS, result_of, run
from flows.stack.local import LocalStack
from flows.stack.parts import environment
from model_code.errors import EvenkeelError
from model_code.installation import Installation
from model_code.settings import Settings
from model_code.settings_group import PREFIX
from services.rollout.local.service import LocalService

PORTS = ("SERVICE_PORT", "PREFECT_PORT", "EXPORTER_PORT", "MLFLOW_PORT")
PARTS = ("prefect", "zygote", "worker", "exporter")


class Stage:
    """A stack in a folder of its own, to play on.

    Args:
        home: Its folder; emptied first.
        scenario: What its world is like.
    """

    def __init__(self, home: Path, scenario: Scenario) -> None:
        self.home = home.resolve()
        world = scenario.write_world(self.home / "world.json")
        os.environ |= {f"{PREFIX}HOME": str(self.home), f"{PREFIX}WORLD_FILE": str(world), **_free_ports()}
        os.environ.setdefault(f"{PREFIX}REPORT_PAGES", "breach")  # months pass in minutes: no time for pages on schedule
        self.settings = Settings.load()
        os.environ |= {name: value for name, value in environment(self.settings).items() if name not in os.environ}
        refresh_global_settings_context()  # Prefect read the environment when it was imported
        self.place = Installation.open(USECASE, self.settings)

    def run(self, flow: str, now: datetime, **parameters: Any) -> Any:
        """Run a deployment on the server and wait for its result.

        Raises:
            EvenkeelError: It did not complete; the message says where to look.
        """
        return run(flow, usecase=USECASE, now=now.isoformat(), **parameters)

    def started(self, flow: str, since: datetime, seconds: float = 60.0) -> Any:
        """The result of the run that an Automation starts after `since` (wall clock).

        Raises:
            EvenkeelError: None started or none finished in time.
        """
        from prefect.client.orchestration import get_client
        from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName, FlowFilter, FlowFilterName
        from prefect.client.schemas.sorting import FlowRunSort

        deadline = time.monotonic() + seconds + RUN_SECONDS
        with get_client(sync_client=True) as client:
            while time.monotonic() < deadline:
                runs = client.read_flow_runs(
                    flow_filter=FlowFilter(name=FlowFilterName(any_=[flow])),
                    deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=["local"])),
                    sort=FlowRunSort.EXPECTED_START_TIME_DESC,
                    limit=1,
                )
                if (
                    runs
                    and runs[0].created is not None
                    and runs[0].created >= since
                    and runs[0].state
                    and runs[0].state.is_final()
                ):
                    return result_of(flow, runs[0])
                time.sleep(0.15)
        raise EvenkeelError(f"no {flow} run finished after the breach", hint=f"see the logs in {self.home / 'logs'}")

    @contextmanager
    def open(self) -> Iterator["Stage"]:
        """Start the stack; whatever happens, end it, a kill of this very process included."""
        stack = LocalStack(self.settings)
        guard = subprocess.Popen(
            [sys.executable, "-m", "flows.demo.guard", str(os.getpid())], start_new_session=True, stdin=subprocess.DEVNULL
        )
        try:
            stack.up(PARTS)
            yield self
        finally:
            LocalService(self.settings).stop()
            stack.down()
            guard.terminate()
            guard.wait()


def clean(home: Path) -> Path:
    """An empty folder; what an earlier demo left running there is ended first."""
    if home.exists():
        os.environ[f"{PREFIX}HOME"] = str(home.resolve())
        settings = Settings.load()
        LocalService(settings).stop()
        LocalStack(settings).down()
        shutil.rmtree(home)
    home.mkdir(parents=True)
    return home


def _free_ports() -> dict[str, str]:
    """A free port for every server that the environment does not place."""
    wanted = [f"{PREFIX}{name}" for name in PORTS if f"{PREFIX}{name}" not in os.environ]
    sockets = [socket.socket() for _ in wanted]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = {name: str(each.getsockname()[1]) for name, each in zip(wanted, sockets, strict=True)}
    for each in sockets:
        each.close()
    return ports
