"""The KServe target on a real cluster: through the controller where it is installed, else through a stand-in for it."""

from collections.abc import Callable, Iterator

import httpx
import pytest
import yaml

from model_code.errors import RolloutError
from model_code.installation import Installation
from model_code.settings import Settings
from services.build.image import Image
from services.build.release import Release
from services.rollout.base import Wanted
from services.rollout.cluster.api import MERGE
from services.rollout.cluster.api import Cluster as Api
from services.rollout.kserve.applied import ISVC
from services.rollout.kserve.target import KServeTarget
from tests.e2e.cluster import INGRESS, Cluster, until
from tests.e2e.installed import USECASE, Installed
from tests.e2e.kserve_controller import StandIn, is_real, stand_in
from tests.rollout_cases import RolloutCases, Stand

pytestmark = [pytest.mark.full, pytest.mark.timeout(900), pytest.mark.xdist_group("cluster")]
OURS = ("image", "model", "usecase", "ingress", "replicas")
ROWS = {"rows": [[60.0, 61.0]], "lead": [0]}


@pytest.fixture(scope="module")
def controller(cluster: Cluster) -> Iterator[StandIn | None]:
    """The stand-in; None where KServe itself is installed."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("KUBECONFIG", "PATH"):
            patch.setenv(name, cluster.environment[name])
        api = Api(cluster.namespace)
        if is_real(api):
            yield None
            return
        with stand_in(api) as running:
            yield running
            assert running.errors == []


@pytest.fixture(scope="module")
def host(cluster: Cluster) -> str:
    """By which the gateway knows it."""
    return f"kserve-{cluster.namespace}.example.test"


@pytest.fixture(scope="module")
def stand(
    cluster: Cluster, controller: StandIn | None, kserve_ready: Installed, host: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stand]:
    """The target, with nothing deployed yet."""
    installed = kserve_ready
    site = {name: value for name, value in installed.values(0).items() if name not in OURS}
    site |= {"drainSeconds": 2, "gateway": {"enabled": True, "name": "default", "namespace": "ingress", "hostnames": [host]}}
    file = tmp_path_factory.mktemp("kserve") / "site.yaml"
    file.write_text(yaml.safe_dump(site | {"replicas": 1}))
    told = installed.place.settings.model_dump() | {"namespace": cluster.namespace, "helm_values": file, "target": "kserve"}
    settings = Settings.model_validate(told)
    first, second = (
        Wanted(usecase=USECASE, version=release.version, bundle=release.bundle, image=image.name)
        for release, image in zip(installed.releases, installed.images, strict=True)
    )
    found = Stand(installed.place, lambda: KServeTarget(settings), first, second, installed.key, 180.0)
    yield found
    found.target.stop(USECASE)


@pytest.fixture(scope="module")
def kserve_ready(cluster: Cluster, place: Installation, images: list[Image], releases: list[Release], key: str) -> Installed:
    """What the chart is given here, without a Helm release."""
    return Installed(cluster, place, releases, images, key)


@pytest.fixture
def answers(stand: Stand, host: str) -> Callable[[int], list[str]]:
    """Which bundle answers each of so many requests through the gateway; all are answered."""

    def asked(count: int) -> list[str]:
        headers = {"host": host, "authorization": f"Bearer {stand.key}"}
        found = [httpx.post(f"{INGRESS}/predict", json=ROWS, headers=headers, timeout=10) for _ in range(count)]
        assert {each.status_code for each in found} == {200}, [each.text for each in found if each.status_code != 200][:1]
        return [each.json()["bundle"] for each in found]

    return asked


class TestKServe(RolloutCases):
    def test_traffic__is_weighed_by_the_gateway(self, stand: Stand, host: str, answers: Callable[[int], list[str]]) -> None:
        stand.deployed(stand.first)
        stand.staged(stand.second)
        headers = {"host": host, "authorization": f"Bearer {stand.key}"}
        reached = lambda: httpx.post(f"{INGRESS}/predict", json=ROWS, headers=headers).status_code == 200  # noqa: E731
        until(reached, "an answer through the gateway", seconds=30)
        both = {stand.first.bundle, stand.second.bundle}

        assert set(answers(20)) == {stand.first.bundle}
        stand.target.traffic(stand.usecase, 50)
        until(lambda: set(answers(10)) == both, "answers of both", seconds=30)
        stand.target.withdraw(stand.usecase, timeout=stand.timeout)
        until(lambda: set(answers(10)) == {stand.first.bundle}, "answers of stable alone", seconds=30)
        with pytest.raises(RolloutError, match="gets no requests"):
            stand.target.traffic(stand.usecase, 10)

    def test_deploy__of_what_cannot_start_brings_back_the_release_before(self, stand: Stand) -> None:
        stand.deployed(stand.first)
        missing = stand.first.model_copy(update={"image": "evenkeel-nowhere:1"})

        with pytest.raises(RolloutError, match=r"cannot be pulled.*release before it is back"):
            stand.target.deploy(missing, timeout=stand.timeout)

        found = stand.target.status(stand.usecase)
        assert [(each.image, each.ready) for each in found.tracks] == [(stand.first.image, True)]
        assert found.differs == ()

    def test_status__tells_what_somebody_changed_by_hand(self, stand: Stand, cluster: Cluster) -> None:
        stand.deployed(stand.first)
        api = Api(cluster.namespace)
        changed = {"spec": {"predictor": {"minReplicas": 2}}}
        path = api.path(ISVC[0], USECASE.replace("_", "-"), ISVC[1])
        api.call("PATCH", path, body=changed, content=MERGE, query={"fieldManager": "kubectl-edit"})

        (told,) = stand.target.status(stand.usecase).differs
        assert "minReplicas is 2, the release says 1" in told

        assert stand.target.deploy(stand.first, timeout=stand.timeout).differs == ()

    def test_stage__waits_in_vain_for_a_controller_that_is_down_and_says_so(
        self, stand: Stand, controller: StandIn | None
    ) -> None:
        if controller is None:
            pytest.skip("no cluster: this one's controller is not ours to stop")
        stand.deployed(stand.first)
        controller.asleep.set()
        try:
            with pytest.raises(RolloutError, match="no KServe controller has looked at it"):
                stand.target.stage(stand.second, "canary", timeout=2.0)
        finally:
            controller.asleep.clear()

        assert [each.track for each in stand.target.status(stand.usecase).tracks] == ["stable"]
