"""The `helm` program: what a release is, and how it is changed, in one namespace."""

import json
import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import AwareDatetime, BaseModel, ConfigDict

from model_code.errors import RolloutError
from services.rollout.cluster.program import bound

CHART = Path(__file__).parents[3] / "helm" / "model-service"
KEPT_REVISIONS = 20
INSTALL = "install helm 4 and put it into PATH, or set EVENKEEL_TARGET=local"
READ_SECONDS = 60.0
LOOK_SECONDS = 0.5
END_SECONDS = 20.0
ABSENT = re.compile(r"release: not found", re.IGNORECASE)
HINTS = (
    (
        r"Unauthorized|must be logged in|provide credentials",
        "the cluster does not know these credentials: log in again, or renew KUBECONFIG",
    ),
    (
        r"values don't meet the specifications|additional propert",
        "look at EVENKEEL_HELM_VALUES; every key is in helm/model-service/values.yaml",
    ),
    (
        r"cluster unreachable|connection refused|no such host|i/o timeout",
        "look at KUBECONFIG, and whether `kubectl version` reaches it",
    ),
    (r"forbidden", "docs/rollout.md lists the rights that a rollout needs"),
    (r"exceeded quota", "raise the namespace's ResourceQuota, or lower replicas and resources"),
)


class Recorded(BaseModel):
    """One revision of a release as helm tells it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    revision: int
    updated: AwareDatetime
    status: str
    chart: str
    description: str = ""

    @property
    def pending(self) -> bool:
        """Whether it is under way, or its helm was killed."""
        return self.status.startswith("pending-") or self.status == "uninstalling"


class Helm:
    """The releases of one namespace.

    Args:
        namespace: Where they are.
    """

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace

    def chart(self) -> str:
        """Name and version of the chart that `upgrade` takes."""
        told = yaml.safe_load((CHART / "Chart.yaml").read_text())
        return f"{told['name']}-{told['version']}"

    def history(self, release: str) -> list[Recorded]:
        """Its revisions, oldest first; none where there is no such release.

        Raises:
            RolloutError: The cluster cannot be asked, or helm is not installed.
        """
        told = self._told("history", release, "--max", str(KEPT_REVISIONS), "--output", "json")
        return [Recorded.model_validate(each) for each in json.loads(told)] if told is not None else []

    def values(self, release: str, revision: int | None = None) -> dict[str, Any]:
        """The values that it was given, without the chart's own.

        Args:
            release: Its name.
            revision: Which one. Default: the latest.
        """
        which = () if revision is None else ("--revision", str(revision))
        told = self._told("get", "values", release, *which, "--output", "json")
        return dict(json.loads(told) or {}) if told is not None else {}

    def manifest(self, release: str, revision: int | None = None) -> list[dict[str, Any]]:
        """The objects that it is made of."""
        which = () if revision is None else ("--revision", str(revision))
        told = self._told("get", "manifest", release, *which)
        return [each for each in yaml.safe_load_all(told or "") if each]

    def upgrade(
        self,
        release: str,
        values: Mapping[str, Any],
        description: str,
        *,
        wait: float | None = None,
        look: Callable[[], None] = lambda: None,
    ) -> None:
        """Install it, or bring it to these values: all of them, nothing is taken over from before.

        Args:
            release: Its name.
            values: What differs from the chart's own.
            description: Kept with the revision.
            wait: Seconds within which everything has to be ready. Default: not waited for.
            look: Called now and then while it waits; what it raises ends it, and the revision is `failed`.

        Raises:
            RolloutError: It is refused, or was not ready in time.
        """
        waiting = () if wait is None else ("--wait", "--timeout", f"{wait:.0f}s")
        command = ("upgrade", "--install", release, str(CHART), "--reset-values", "--values", "-", "--description", description)
        kept = ("--history-max", str(KEPT_REVISIONS))
        self._run([*command, *kept, "--force-conflicts", *waiting], given=json.dumps(values), look=look)

    def rollback(
        self, release: str, revision: int, *, wait: float | None = None, look: Callable[[], None] = lambda: None
    ) -> None:
        """Return to an earlier revision, as a new one.

        Raises:
            RolloutError: It is refused, or was not ready in time.
        """
        waiting = () if wait is None else ("--wait", "--timeout", f"{wait:.0f}s")
        kept = ("--history-max", str(KEPT_REVISIONS))
        self._run(["rollback", release, str(revision), *kept, "--force-conflicts", *waiting], look=look)

    def rendered(self, release: str, values: Mapping[str, Any], groups: Sequence[str] = ()) -> list[dict[str, Any]]:
        """The chart's objects for these values; nothing is sent to a cluster.

        Args:
            release: Its name.
            values: What differs from the chart's own.
            groups: Of the API, such as `monitoring.coreos.com/v1`, that the chart may count on.
        """
        known = [option for group in groups for option in ("--api-versions", group)]
        told = self._run(["template", release, str(CHART), "--values", "-", "--skip-tests", *known], given=json.dumps(values))
        return [each for each in yaml.safe_load_all(told) if each]

    def uninstall(self, release: str, *, wait: float | None = None) -> None:
        """End it; none is fine."""
        waiting = () if wait is None else ("--wait", "--timeout", f"{wait:.0f}s")
        self._run(["uninstall", release, "--ignore-not-found", *waiting])

    def _told(self, *arguments: str) -> str | None:
        """What it prints; None where there is no such release."""
        try:
            return self._run(arguments, seconds=READ_SECONDS)
        except RolloutError as error:
            if ABSENT.search(error.message):
                return None
            raise

    def _run(
        self,
        arguments: Sequence[str],
        *,
        given: str = "",
        look: Callable[[], None] = lambda: None,
        seconds: float | None = None,
    ) -> str:
        command = [*bound("helm", INSTALL), *arguments, "--namespace", self._namespace]
        with tempfile.TemporaryFile("w+") as asked, tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as failed:
            asked.write(given)
            asked.seek(0)
            running = subprocess.Popen(command, stdin=asked, stdout=said, stderr=failed, text=True)
            try:
                code = _wait(running, look, seconds)
            except BaseException:
                _end(running)
                raise
            said.seek(0)
            failed.seek(0)
            if code:
                raise _error(arguments, failed.read() or said.read())
            return said.read()


def _wait(running: "subprocess.Popen[str]", look: Callable[[], None], seconds: float | None) -> int:
    left = seconds
    while True:
        try:
            return running.wait(LOOK_SECONDS)
        except subprocess.TimeoutExpired as error:
            left = None if left is None else left - LOOK_SECONDS
            if left is not None and left <= 0:
                raise RolloutError(f"helm did not end within {seconds:g} s", hint="is the cluster's API answering?") from error
        look()


def _end(running: "subprocess.Popen[str]") -> None:
    """Ask it to end, so that it marks its revision as failed; kill it after a grace."""
    running.terminate()
    try:
        running.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        running.kill()
        running.wait()


def _error(arguments: Sequence[str], said: str) -> RolloutError:
    text = "; ".join(line for line in said.removeprefix("Error: ").strip().splitlines() if line.strip())[:1500]
    hint = next((hint for pattern, hint in HINTS if re.search(pattern, text, re.IGNORECASE)), "")
    return RolloutError(f"helm {arguments[0]}: {text}", hint=hint)
