"""The spool in a volume: what a pod acknowledged and could not bring to the store comes there by its successor."""

from collections.abc import Iterator

import pytest

from tests.e2e.cluster import until
from tests.e2e.installed import USECASE, Installed
from tests.e2e.load import Load

pytestmark = [pytest.mark.full, pytest.mark.timeout(600), pytest.mark.xdist_group("cluster")]
KEPT = {"replicas": 1, "keep": {"mode": "spool", "megabytes": 16, "claim": {"enabled": True, "size": "64Mi"}}}


@pytest.fixture
def kept(installed: Installed) -> Iterator[Installed]:
    """One pod with the first model, its spool in a volume that outlives it."""
    first, second = (release.bundle for release in installed.releases)
    installed.place.pointers.move(USECASE, first, second)
    installed.apply(installed.values(0) | KEPT)
    until(lambda: len(installed.pods()) == 1, "the pods of before to end")
    try:
        yield installed
    finally:
        installed.reach_store(True)
        installed.upgrade(0)
        installed.cluster.kubectl("delete", "persistentvolumeclaim", f"{installed.name}-spool", "--wait=false")


def test_spool__in_a_volume_outlives_its_pod_while_the_store_is_away(kept: Installed) -> None:
    (gone,) = kept.pods()
    kept.reach_store(False)
    with Load(kept.ask) as load:
        until(lambda: len(load.answered) >= 50, "answers without a store")
    waiting = set(load.answered)
    assert load.failed == []
    kept.cluster.kubectl("wait", "--for=condition=Ready", "pod/postgresql", "--timeout=120s")  # for this test, not for the pod
    assert kept.stored(waiting) == set()

    kept.cluster.kubectl("delete", "pod", gone, "--wait=true", "--timeout=180s")
    assert gone not in kept.pods()
    assert kept.stored(waiting) == set()
    kept.reach_store(True)

    until(lambda: kept.stored(waiting) == waiting, "every prediction of the pod that is gone", seconds=300)
    kept.cluster.rolled_out(kept.name)
