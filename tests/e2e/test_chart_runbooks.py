"""The chart's own alerts on a cluster: what they are about happens, Prometheus sees it, and the words of their runbooks end it."""

import re
import shlex
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
import yaml

from tests.e2e.cluster import until
from tests.e2e.installed import CHART, Installed
from tests.e2e.test_chart_tracks import PROMETHEUS, Rollout

pytestmark = [pytest.mark.full, pytest.mark.timeout(900), pytest.mark.xdist_group("cluster")]
RUNBOOKS = CHART / "runbooks"


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
    until(lambda: state(watched, "EvenkeelReplicasMissing") != "inactive", "the alert")
    assert watched.ask("meanwhile").status_code == 200

    watched.cluster.helm(*said("EvenkeelReplicasMissing", "helm rollback", watched), "--wait", "--timeout", "180s")

    until(lambda: state(watched, "EvenkeelReplicasMissing") == "inactive", "the end of the alert")


def test_runbook__of_a_challenger_left_behind_withdraws_it(watched: Installed) -> None:
    rollout = Rollout(watched)
    try:
        rollout.weigh(10)
        until(lambda: state(watched, "EvenkeelChallengerLeft") != "inactive", "the alert")

        watched.cluster.helm(*said("EvenkeelChallengerLeft", "helm upgrade", watched), "--wait", "--timeout", "180s")

        until(lambda: state(watched, "EvenkeelChallengerLeft") == "inactive", "the end of the alert", seconds=400)
        assert set(rollout.pods()) == {"stable"}
    finally:
        rollout.close()


def said(alert: str, beginning: str, release: Installed) -> list[str]:
    """The words after `helm` of the one command in a runbook's mitigation that begins so, about this release."""
    mitigation = (RUNBOOKS / f"{alert}.md").read_text().partition("## Mitigation")[2]
    (command,) = re.findall(rf"`({beginning} [^`]+)`", mitigation)
    words = shlex.split(command.replace("RELEASE", release.name).replace("helm/model-service", str(CHART)))
    return words[1:]


def state(release: Installed, alert: str) -> str:
    """`inactive`, `pending` or `firing`, as Prometheus has it; `unknown` before it has read the rule."""
    groups = httpx.get(f"{PROMETHEUS}/api/v1/rules?type=alert&rule_name[]={quote(alert)}", timeout=30).json()["data"]["groups"]
    at = f"/{release.cluster.namespace}-{release.name}-"
    own = [rule["state"] for group in groups if at in group["file"] for rule in group["rules"]]
    return str(own[0]) if own else "unknown"
