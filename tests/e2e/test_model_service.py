"""The model service on a cluster: reached, upgraded, rolled back, its model changed; no request fails and no prediction is lost."""

import json
import time

import pytest

from tests.e2e.cluster import until
from tests.e2e.installed import USECASE, Installed
from tests.e2e.load import Load

# Images are built and loaded, pods come and go; one cluster, so one after the other.
pytestmark = [pytest.mark.timeout(900), pytest.mark.xdist_group("cluster")]
REFUSED = r"timed out|unreachable|refused"
CONNECT = "import socket; socket.create_connection(({host!r}, {port}), timeout=4); print('reached')"


@pytest.fixture
def service(installed: Installed) -> Installed:
    """The first image, serving the first bundle."""
    first, second = (release.bundle for release in installed.releases)
    installed.place.pointers.move(USECASE, first, second)
    until(lambda: all(installed.model_of(pod)["bundle"] == first for pod in installed.pods()), "the first bundle")
    return installed


def test_service__answers_through_the_ingress_with_a_key(service: Installed) -> None:
    answered = service.ask("through-the-ingress")

    assert answered.status_code == 200, answered.text
    assert answered.json()["bundle"] == service.releases[0].bundle
    assert service.ask("no", key="wrong").status_code == 401
    assert service.forecast().status_code == 200, service.forecast().text


def test_service__passes_the_charts_own_test(service: Installed) -> None:
    assert "Succeeded" in service.cluster.helm("test", service.name)


def test_pointer__changes_the_model_of_every_pod_and_of_pods_to_come(service: Installed) -> None:
    first, second = (release.bundle for release in service.releases)
    with Load(service.ask) as load:
        until(lambda: len(load.answered) > 20, "a load")
        service.place.pointers.move(USECASE, second, first)
        moved = time.monotonic()
        until(lambda: second in load.bundles(), "an answer by the other bundle")
        time.sleep(2)
    last = max(at for at, by in load.answered.values() if by == first)
    print(
        f"pointer: first answer by the other bundle after {load.first(second) - moved:.2f} s, last by the old one {last - moved:.2f} s"
    )
    assert load.failed == []

    before = set(service.pods())
    service.cluster.kubectl("delete", "pod", sorted(before)[0], "--wait=false")
    service.cluster.rolled_out(service.name)
    assert set(service.pods()) - before, "a new pod"
    for pod in service.pods():
        assert service.model_of(pod)["bundle"] == second


def test_release__upgrades_and_rolls_back_without_a_failed_request(service: Installed) -> None:
    with Load(service.ask) as load:
        until(lambda: len(load.answered) > 20, "a load")
        service.upgrade(1)
        carried = _annotation(service)
        service.cluster.helm("rollback", service.name, "--wait", "--timeout", "180s")
        service.cluster.rolled_out(service.name)
        back = _annotation(service)
        time.sleep(1)

    print(f"upgrade and rollback: {len(load.answered)} answered, {len(load.failed)} failed")
    assert load.failed == []
    assert (carried, back) == (service.releases[1].bundle, service.releases[0].bundle)
    # Which bundle answers is the pointer's word, whatever the image carries; what answered is kept, by pods that are gone, too.
    assert load.bundles() == {service.releases[0].bundle}
    asked = set(load.answered)
    until(lambda: service.stored(asked) == asked, "every prediction in the store", seconds=60)


def test_predictions__of_every_pod_and_of_a_deleted_one_are_in_the_store(service: Installed) -> None:
    with Load(service.ask, pause=0.005) as load:
        until(lambda: len(load.answered) > 50, "a load")
        service.cluster.kubectl("delete", "pod", service.pods()[0], "--wait=true", "--timeout=120s")
        time.sleep(1)
    service.cluster.rolled_out(service.name)

    asked = set(load.answered)
    until(lambda: service.stored(asked) == asked, "every prediction in the store", seconds=60)
    assert load.failed == []


def test_policy__lets_the_service_reach_its_stores_and_nobody_else(service: Installed) -> None:
    to_sql = CONNECT.format(host="postgresql", port=5432)
    pod = service.pods()[0]

    assert service.cluster.python(pod, to_sql).strip() == "reached"
    with pytest.raises(AssertionError, match=REFUSED):
        service.cluster.python(pod, CONNECT.format(host="kubernetes.default", port=443))
    service.cluster.kubectl("apply", "-f", "-", given=json.dumps(_stranger(service.images[0].name)))
    service.cluster.kubectl("wait", "--for=condition=Ready", "pod/stranger", "--timeout=60s")
    time.sleep(2)  # a policy holds a second after a pod's start
    with pytest.raises(AssertionError, match=REFUSED):
        service.cluster.python("stranger", to_sql)
    with pytest.raises(AssertionError, match=REFUSED):
        service.cluster.python("stranger", CONNECT.format(host=service.name, port=80))


def _annotation(service: Installed) -> str:
    path = r"jsonpath={.spec.template.metadata.annotations.evenkeel\.io/bundle}"
    return service.cluster.kubectl("get", "deployment", service.name, "-o", path)


def _stranger(image: str) -> dict[str, object]:
    closed = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    container = {"name": "stranger", "image": image, "command": ["sleep", "600"], "securityContext": closed}
    nobody = {"runAsNonRoot": True, "runAsUser": 10003, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {"containers": [container], "securityContext": nobody, "automountServiceAccountToken": False}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "stranger"},
        "spec": {**spec, "terminationGracePeriodSeconds": 0},
    }
