"""From the chart's previous version to this one and back, under load. Packages are in tests/chart/previous (`helm package`)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.e2e.cluster import INGRESS, until
from tests.e2e.installed import CHART, USECASE, Installed
from tests.e2e.load import Load

# Images are built and loaded, pods come and go; one cluster, so one after the other.
pytestmark = [pytest.mark.full, pytest.mark.timeout(900), pytest.mark.xdist_group("cluster")]
PREVIOUS = sorted((Path(__file__).parents[1] / "chart" / "previous").glob("model-service-*.tgz"))[-1]
NAME = "earlier"


class Earlier:
    """A release of the previous chart, with the values of before.

    Args:
        installed: Whose image, Secrets and stores it uses.
    """

    def __init__(self, installed: Installed) -> None:
        self.cluster = installed.cluster
        self.host = f"earlier.{installed.host}"
        self._values: dict[str, Any] = installed.values(0) | {"ingress": {"enabled": True, "host": self.host}}
        headers = {"host": self.host, "authorization": f"Bearer {installed.key}"}
        self.client = httpx.Client(base_url=INGRESS, headers=headers, timeout=30)

    def bring(self, chart: Path) -> None:
        """To that chart, and wait until every pod is of it."""
        command = ["upgrade", "--install", NAME, str(chart), "--wait", "--timeout", "300s", "--values", "-"]
        self.cluster.helm(*command, given=yaml.safe_dump(self._values))
        self.cluster.rolled_out(NAME)

    def ask(self, request_id: str) -> httpx.Response:
        """One row, through the ingress."""
        return self.client.post("/predict", json={"rows": [[60.0, 61.0]], "lead": [0], "request_id": request_id})


@pytest.fixture
def earlier(installed: Installed) -> Iterator[Earlier]:
    first, second = (release.bundle for release in installed.releases)
    installed.place.pointers.move(USECASE, first, second)
    found = Earlier(installed)
    found.bring(PREVIOUS)
    until(lambda: found.ask("first").status_code == 200, "an answer of the previous chart's release")
    yield found
    found.client.close()
    installed.cluster.helm("uninstall", NAME, "--wait")


def test_chart__upgrades_the_previous_version_and_goes_back_without_a_failed_request(earlier: Earlier) -> None:
    with Load(earlier.ask, pause=0.05) as load:
        until(lambda: len(load.answered) > 20, "a load")
        earlier.bring(CHART)
        tracks = {pod["metadata"]["labels"].get("evenkeel.io/track") for pod in earlier.cluster.pods(NAME)}
        earlier.cluster.helm("rollback", NAME, "1", "--wait", "--timeout", "300s")
        earlier.cluster.rolled_out(NAME)
        seen = len(load.answered)
        until(lambda: len(load.answered) > seen + 20, "answers by the previous one again")

    print(f"from {PREVIOUS.stem} and back: {len(load.answered)} answered, {len(load.failed)} failed")
    assert tracks == {"stable"}
    assert load.failed == []
