"""The disruption budget: a node that is emptied takes one pod at a time, as the eviction API has it."""

import pytest

from services.rollout.cluster.api import Answered, Cluster
from tests.e2e.helm_site import way_to
from tests.e2e.installed import Installed
from tests.e2e.load import Load

pytestmark = [pytest.mark.full, pytest.mark.timeout(300), pytest.mark.xdist_group("cluster")]
TOO_MANY = 429


def test_budget__refuses_the_second_eviction_in_a_row(installed: Installed) -> None:
    installed.cluster.rolled_out(installed.name)
    first, second = installed.pods()
    with way_to(installed.cluster), Load(installed.ask) as load:
        evict(installed, first)
        with pytest.raises(Answered, match="disruption budget") as refused:
            evict(installed, second)
        installed.cluster.kubectl("wait", "--for=delete", f"pod/{first}", "--timeout=120s")
        installed.cluster.rolled_out(installed.name)

    assert refused.value.code == TOO_MANY
    assert second in installed.pods()
    assert load.answered
    assert load.failed == []


def evict(release: Installed, pod: str) -> None:
    """As `kubectl drain` does it: ask for the pod's end, which the budget may refuse."""
    api = Cluster(release.cluster.namespace)
    asked = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": api.namespace}}
    api.call("POST", f"{api.path('pods', pod)}/eviction", body=asked)
