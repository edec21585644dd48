"""Flow runs on the local stack: started, waited for, and killed."""

from collections.abc import Callable, Sequence
from typing import Any

import psutil
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import Artifact, FlowRun

from flows.stack import LocalStack
from flows.stack.parts import REPOSITORY
from model_code.installation import Installation
from tests.waiting import until

POLL = 0.003


class Runs:
    """Runs of Evenkeel's deployments, each with the settings of the installation that it is for."""

    def __init__(self, client: SyncPrefectClient, stack: LocalStack) -> None:
        self.client = client
        self._stack = stack

    def start(self, flow: str, place: Installation, **params: Any) -> FlowRun:
        """Create a run of `FLOW/local` and return at once."""
        settings = place.settings.environment() | {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
        return self.client.create_flow_run_from_deployment(
            self.client.read_deployment_by_name(f"{flow}/local").id,
            parameters={"params": {"usecase": place.usecase.name, **params}},
            job_variables={"working_dir": str(REPOSITORY), "env": settings},
        )

    def end(self, run: FlowRun) -> FlowRun:
        """The run when it has ended, however."""
        found: FlowRun = until(lambda: found if (found := self.client.read_flow_run(run.id)).state.is_final() else None, 0.1)
        return found

    def together(self, places: Sequence[Installation], flow: str, **params: Any) -> list[FlowRun]:
        """A run for each of them, all at once; each when it has ended."""
        begun = [self.start(flow, place, **params) for place in places]
        return [self.end(run) for run in begun]

    def complete(self, flow: str, place: Installation, **params: Any) -> FlowRun:
        """Run to the end, which must be a good one."""
        return completed(self.end(self.start(flow, place, **params)))

    def artifacts(self, run: FlowRun) -> list[Artifact]:
        """What the run left for people; its result is none of it."""
        of_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run.id]))
        return [each for each in self.client.read_artifacts(artifact_filter=of_run) if each.type != "result"]

    def kill(self, run: FlowRun, when: Callable[[], object]) -> FlowRun:
        """End the run's process by SIGKILL as soon as `when()` is true; the run as the server then sees it."""
        process = until(self._children, POLL)[0]
        until(lambda: when() or not process.is_running(), POLL)
        process.kill()
        return self.end(run)

    def wait_for_processes(self) -> None:
        """Until no run has a process any more."""
        until(lambda: not self._children())

    def _children(self) -> list[psutil.Process]:
        """Processes of the runs under way."""
        (zygote,) = self._stack.status(["zygote"])
        return psutil.Process(zygote.pid).children()


def completed(run: FlowRun) -> FlowRun:
    """The run, which must have ended well."""
    assert run.state is not None
    assert run.state.is_completed(), run.state
    return run
