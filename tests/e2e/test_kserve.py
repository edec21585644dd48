"""The KServe target on a real cluster: through the controller where it is installed, else through a stand-in for it."""

from collections.abc import Iterator

import httpx
import pytest
import yaml

from model_code.errors import RolloutError
from model_code.settings import Settings
from services.client import ForecastClient
from services.rollout.base import Wanted
from services.rollout.cluster import Cluster as Api
from services.rollout.kserve import KServeTarget
from services.rollout.kserve_applied import ISVC, ROUTE
from tests.e2e.cluster import INGRESS, Cluster, until
from tests.e2e.installed import USECASE, Installed
from tests.e2e.kserve_controller import StandIn, is_real, stand_in

pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("cluster")]
ROWS = {"rows": [[60.0, 61.0]], "lead": [0]}


class Reached:
    """The target, what it releases, and the way of a caller to it."""

    def __init__(self, target: KServeTarget, api: Api, installed: Installed, host: str) -> None:
        self.target, self.api, self.installed, self.key = target, api, installed, installed.key
        self._headers = {"host": host, "authorization": f"Bearer {self.key}"}

    def wanted(self, number: int) -> Wanted:
        release, image = self.installed.releases[number], self.installed.images[number]
        return Wanted(usecase=USECASE, version=release.version, bundle=release.bundle, image=image.name)

    def point(self, number: int) -> None:
        bundles = [release.bundle for release in self.installed.releases]
        self.installed.place.pointers.move(USECASE, bundles[number], bundles[1 - number])

    def answers(self, count: int) -> list[str]:
        """Which bundle answered each of so many requests through the gateway."""
        found = [httpx.post(f"{INGRESS}/predict", json=ROWS, headers=self._headers, timeout=10) for _ in range(count)]
        assert {each.status_code for each in found} == {200}, [each.text for each in found if each.status_code != 200][:1]
        return [each.json()["bundle"] for each in found]

    def bundles_behind(self, track: str) -> str | None:
        with self.target.endpoint(USECASE, track) as url, ForecastClient(url, key=self.key) as client:  # type: ignore[arg-type]
            return client.model().bundle


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
def kserve(
    cluster: Cluster, controller: StandIn | None, installed: Installed, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Reached]:
    """The target, with nothing deployed yet."""
    host = f"kserve-{cluster.namespace}.example.test"
    site = {name: value for name, value in installed.values(0).items() if name not in ("image", "model", "usecase", "ingress")}
    site |= {"replicas": 2, "gateway": {"enabled": True, "name": "default", "namespace": "ingress", "hostnames": [host]}}
    file = tmp_path_factory.mktemp("kserve") / "site.yaml"
    file.write_text(yaml.safe_dump(site))
    settings = installed.place.settings.model_dump() | {"namespace": cluster.namespace, "helm_values": file, "target": "kserve"}
    target = KServeTarget(Settings.model_validate(settings))
    reached = Reached(target, Api(cluster.namespace), installed, host)
    yield reached
    target.stop(USECASE)


def test_kserve__takes_a_release_from_shadow_over_canary_to_stable_and_back(kserve: Reached) -> None:
    first, second = (kserve.wanted(number) for number in (0, 1))
    kserve.point(0)

    deployed = kserve.target.deploy(first)
    assert deployed.ready, deployed
    assert deployed.differs == ()
    until(lambda: kserve.answers(1) == [first.bundle], "an answer through the gateway", seconds=30)

    assert kserve.target.stage(second, "shadow").track("shadow").ready  # type: ignore[union-attr]
    assert kserve.bundles_behind("shadow") == second.bundle
    staged = kserve.target.stage(second, "canary")
    assert {each.track: each.weight for each in staged.tracks} == {"stable": 100, "canary": 0, "shadow": 0}
    assert set(kserve.answers(20)) == {first.bundle}

    kserve.target.traffic(USECASE, 50)
    until(lambda: set(kserve.answers(10)) == {first.bundle, second.bundle}, "answers of both", seconds=30)
    kserve.target.traffic(USECASE, 0)
    until(lambda: set(kserve.answers(10)) == {first.bundle}, "answers of stable alone", seconds=30)

    kserve.target.traffic(USECASE, 50)
    with pytest.raises(RolloutError, match="the pointer of"):
        kserve.target.promote(USECASE)
    kserve.point(1)
    promoted = kserve.target.promote(USECASE)
    assert [each.track for each in promoted.tracks] == ["stable"]
    stable = promoted.track("stable")
    assert stable is not None
    assert (stable.bundle, stable.image, stable.ready) == (second.bundle, second.image, True)
    assert kserve.target.promote(USECASE).revision == promoted.revision
    until(lambda: set(kserve.answers(10)) == {second.bundle}, "answers of the promoted one alone", seconds=30)

    kserve.point(0)
    back = kserve.target.rollback(USECASE)
    assert back.track("stable").image == first.image  # type: ignore[union-attr]
    assert kserve.target.rollback(USECASE).revision == back.revision
    assert [each.version for each in kserve.target.history(USECASE)] == ["1", "2"]
    assert kserve.target.history(USECASE)[0].what.startswith("rollback from")


def test_kserve__gives_nothing_to_a_challenger_that_is_withdrawn(kserve: Reached) -> None:
    first, second = (kserve.wanted(number) for number in (0, 1))
    kserve.point(0)
    kserve.target.deploy(first)
    kserve.target.stage(second, "canary")
    kserve.target.traffic(USECASE, 50)

    withdrawn = kserve.target.withdraw(USECASE)

    assert [each.track for each in withdrawn.tracks] == ["stable"]
    assert kserve.target.withdraw(USECASE).tracks == withdrawn.tracks
    until(lambda: set(kserve.answers(20)) == {first.bundle}, "answers of stable alone", seconds=30)
    with pytest.raises(RolloutError, match="gets no requests"):
        kserve.target.traffic(USECASE, 10)


def test_kserve__brings_back_the_release_before_one_that_cannot_start(kserve: Reached) -> None:
    first = kserve.wanted(0)
    kserve.point(0)
    before = kserve.target.deploy(first)

    with pytest.raises(RolloutError, match=r"cannot be pulled.*release before it is back"):
        kserve.target.deploy(first.model_copy(update={"image": "evenkeel-nowhere:1"}))

    after = kserve.target.status(USECASE)
    assert after.track("stable").image == first.image  # type: ignore[union-attr]
    assert after.differs == before.differs == ()
    assert set(kserve.answers(5)) == {first.bundle}


def test_status__tells_what_somebody_changed_by_hand(kserve: Reached) -> None:
    kserve.point(0)
    kserve.target.deploy(kserve.wanted(0))
    path = kserve.api.path(ISVC[0], kserve.target.status(USECASE).usecase.replace("_", "-"), ISVC[1])
    changed = {"spec": {"predictor": {"minReplicas": 1}}}
    kserve.api.call("PATCH", path, body=changed, content="application/merge-patch+json", query={"fieldManager": "kubectl-edit"})

    (told,) = kserve.target.status(USECASE).differs
    assert "minReplicas is 1, the release says 2" in told

    kserve.target.deploy(kserve.wanted(0))
    assert kserve.target.status(USECASE).differs == ()


def test_stop__leaves_nothing(kserve: Reached) -> None:
    kserve.point(0)
    kserve.target.deploy(kserve.wanted(0))

    kserve.target.stop(USECASE)

    assert kserve.target.status(USECASE).tracks == ()
    assert kserve.target.history(USECASE) == ()
    route = kserve.api.path(ROUTE[0], USECASE.replace("_", "-"), ROUTE[1])
    assert kserve.api.get(route) is None
    kserve.target.stop(USECASE)
