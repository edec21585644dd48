"""The chart's own alerts on a cluster: what they are about happens, Prometheus sees it, and the words of their runbooks end it."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
import yaml

from tests.e2e.cluster import until
from tests.e2e.installed import CHART, USECASE, Installed
from tests.e2e.test_chart_tracks import PROMETHEUS, Rollout

pytestmark = [pytest.mark.full, pytest.mark.timeout(900), pytest.mark.xdist_group("cluster")]
RUNBOOKS = CHART / "runbooks"
HASTE = "20s"


@pytest.fixture
def watched(installed: Installed) -> Iterator[Installed]:
    """The release, every replica ready, and a Prometheus that evaluates its rules."""
    try:
        httpx.get(f"{PROMETHEUS}/-/ready", timeout=10).raise_for_status()
    except httpx.HTTPError:
        pytest.skip("no cluster: no Prometheus in this one (cluster/up --monitoring)")
    until(lambda: state(installed, "EvenkeelReplicasMissing") == "inactive", "enough pods, as Prometheus sees them")
    yield installed
    installed.upgrade(0)


def test_runbook__of_missing_replicas_ends_a_release_that_cannot_be_pulled(watched: Installed) -> None:
    nowhere = watched.values(0) | {
        "image": {"repository": "nowhere.example.test/none", "tag": "1"},
        "rolling": {"maxSurge": 0, "maxUnavailable": 1},
    }
    watched.cluster.helm("upgrade", watched.name, str(CHART), "--values", "-", given=yaml.safe_dump(nowhere))
    hasten(watched)
    until(lambda: state(watched, "EvenkeelReplicasMissing") == "firing", "the alert")
    assert watched.ask("meanwhile").status_code == 200

    watched.cluster.helm(*said("EvenkeelReplicasMissing", "helm rollback", watched), "--wait", "--timeout", "180s")

    until(lambda: state(watched, "EvenkeelReplicasMissing") == "inactive", "the end of the alert")


def test_runbook__of_a_challenger_left_behind_withdraws_it(watched: Installed) -> None:
    rollout = Rollout(watched)
    try:
        rollout.weigh(10)
        hasten(watched)
        until(lambda: state(watched, "EvenkeelChallengerLeft") == "firing", "the alert")

        withdrawn = run(said("EvenkeelChallengerLeft", "python -m services.rollout withdraw", watched), watched)

        assert withdrawn.returncode == 0, withdrawn.stdout + withdrawn.stderr
        until(lambda: state(watched, "EvenkeelChallengerLeft") == "inactive", "the end of the alert", seconds=400)
        assert set(rollout.pods()) == {"stable"}
    finally:
        rollout.close()


def hasten(release: Installed) -> None:
    """Let the alerts, as the chart has just made them, wait for seconds: for how long they should is promtool's to test.

    Written in helm's name, so that the next revision takes its rules back without a conflict.
    """
    rule = json.loads(release.cluster.kubectl("get", "prometheusrule", release.name, "-o", "json"))
    for each in rule["spec"]["groups"][0]["rules"]:
        each["for"] = HASTE
    rule["metadata"] = {name: rule["metadata"][name] for name in ("name", "labels", "annotations")}
    command = ["apply", "--server-side", "--field-manager=helm", "--force-conflicts", "-f", "-"]
    release.cluster.kubectl(*command, given=json.dumps(rule))


def said(alert: str, beginning: str, release: Installed) -> list[str]:
    """The words after the program of the one command in a runbook's mitigation that begins so, about this release."""
    mitigation = (RUNBOOKS / f"{alert}.md").read_text().partition("## Mitigation")[2]
    (command,) = re.findall(rf"`({beginning}[^`]*)`", mitigation)
    return shlex.split(command.replace("RELEASE", release.name).replace("USECASE", USECASE))[1:]


def run(words: list[str], release: Installed) -> "subprocess.CompletedProcess[str]":
    """A Python command line with the settings of somebody who looks after this release."""
    own = {"namespace": release.cluster.namespace, "helm_release": release.name}
    settings = release.place.settings.model_copy(update=own)
    environment = release.cluster.environment | settings.environment()
    return subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True, check=False)


def state(release: Installed, alert: str) -> str:
    """`inactive`, `pending` or `firing`, as Prometheus has it; `unknown` before it has read the rule."""
    groups = httpx.get(f"{PROMETHEUS}/api/v1/rules?type=alert&rule_name[]={quote(alert)}", timeout=30).json()["data"]["groups"]
    at = f"/{release.cluster.namespace}-{release.name}-"
    own = [rule["state"] for group in groups if at in group["file"] for rule in group["rules"]]
    return str(own[0]) if own else "unknown"
