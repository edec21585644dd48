"""The autoscaler: more pods under load, fewer afterwards, and no request fails."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.e2e.cluster import until
from tests.e2e.installed import USECASE, Installed
from tests.e2e.load import Load

# Images are built and loaded, pods come and go; one cluster, so one after the other.
pytestmark = [pytest.mark.full, pytest.mark.timeout(900), pytest.mark.xdist_group("cluster")]
SCALED = {"enabled": True, "min": 2, "max": 4, "cpu": 60, "downSeconds": 5}
CALLERS = 4


@pytest.fixture
def scaled(installed: Installed) -> Iterator[Installed]:
    """Two pods, and up to four where they use more than 60 % of 50 m each."""
    first, second = (release.bundle for release in installed.releases)
    installed.place.pointers.move(USECASE, first, second)
    installed.apply(installed.values(0) | {"autoscaling": SCALED})
    yield installed
    installed.upgrade(0)


def test_autoscaler__scales_out_and_back_without_a_failed_request(scaled: Installed) -> None:
    def wanted() -> int:
        return int(scaled.cluster.kubectl("get", "deployment", scaled.name, "-o", "jsonpath={.spec.replicas}"))

    light = Load(scaled.ask, pause=0.5)
    heavy = [Load(scaled.ask, pause=0.001) for _ in range(CALLERS)]
    with light:
        with ExitStack() as stack:
            for load in heavy:
                stack.enter_context(load)
            out = until(lambda: wanted() == 4, "four pods", seconds=300)
            scaled.cluster.rolled_out(scaled.name)
        back = until(lambda: wanted() == 2, "two pods", seconds=400)
        scaled.cluster.rolled_out(scaled.name)

    answered = sum(len(load.answered) for load in (light, *heavy))
    print(f"4 pods after {out:.0f} s, 2 again {back:.0f} s after the load; {answered} answered")
    assert [failure for load in (light, *heavy) for failure in load.failed] == []
