"""Rollouts on a cluster that judge themselves: by paired replay without any traffic, and under load by what callers meet."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
import yaml

from flows.rollout import metrics_of
from flows.rollout_course import Course, Outcome, Request
from flows.rollout_record import RolloutRecord
from model_code.installation import Installation
from model_code.settings import Settings
from services.build.engine import Engine
from services.build.image import build_image
from services.build.release import release_of
from services.rollout.base import Wanted
from services.rollout.helm.target import HelmTarget
from tests import contenders
from tests.e2e import stage
from tests.e2e.broken import broken_image
from tests.e2e.cluster import INGRESS, Cluster, until
from tests.e2e.figures import tell
from tests.e2e.installed import Installed
from tests.e2e.load import Load

# Images are built and loaded, pods come and go; one cluster, so one after the other.
pytestmark = [pytest.mark.timeout(1800), pytest.mark.xdist_group("cluster")]
NAME = "tiny_canary"
PROMETHEUS = os.environ.get("E2E_PROMETHEUS", "http://127.0.0.1:9090")
NOWHERE = "http://127.0.0.1:9"
RULES = f"""
rollout:
  weights: [5]
  step_seconds: 8
  patience_seconds: 60
  min_requests: 50
  shadow_requests: 0
  origins: {contenders.ORIGINS}
  ready_seconds: 180
"""
OURS = ("image", "model", "usecase", "ingress")
ROWS = {"rows": [[60.0, 61.0]], "lead": [0]}


@dataclass
class Stand:
    """The three versions, the champion deployed.

    Attributes:
        place: Their installation.
        image: The good image.
        cluster: Where they run.
        folder: For what is built.
        host: By which the gateway knows the service.
        key: What it asks for.
    """

    place: Installation
    image: str
    cluster: Cluster
    folder: Path
    host: str
    key: str

    @property
    def target(self) -> HelmTarget:
        """As another program would have it."""
        return HelmTarget(self.place.settings)

    def broken(self, fault: str) -> str:
        """An image that has it, where pods find it."""
        name = broken_image(Engine(), self.image, fault, self.folder / fault)
        self.cluster.load(name)
        return name

    def roll(self, who: str, *, image: str | None = None, prometheus: str = PROMETHEUS) -> Outcome:
        settings = self.place.settings.model_copy(update={"prometheus_url": prometheus})
        target = HelmTarget(settings)
        told = lambda step, verdict, _: print(step.name, verdict.decision, *verdict.reasons)  # noqa: E731
        course = Course(self.place, target, metrics_of(settings, target), tell=told)
        version = contenders.VERSIONS[who]
        return course.run(Request(version, "a test", "to see", image), self.place.present(None))

    def ask(self, request_id: str) -> httpx.Response:
        """One row of features, through the gateway."""
        headers = {"host": self.host, "authorization": f"Bearer {self.key}"}
        return httpx.post(f"{INGRESS}/predict", json=ROWS | {"request_id": request_id}, headers=headers, timeout=10)

    def champion_alone(self) -> bool:
        """Whether the first version reigns, and nothing else runs."""
        found = self.target.status(NAME)
        reigns = self.place.registry.version_of(NAME, "champion") == "1"
        return reigns and [(each.track, each.version, each.ready) for each in found.tracks] == [("stable", "1", True)]


@pytest.fixture(scope="module")
def contest(database: str, bucket: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The contenders, with tables and bundles in the bucket."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in bucket.items():
            patch.setenv(name, value)
        urls = {"sql_url": database, "store_url": "s3://evenkeel/canary-store", "bundles_url": "s3://evenkeel/canary-bundles"}
        place = contenders.contest(tmp_path_factory.mktemp("canary"), Settings.model_validate(urls), name=NAME, rules=RULES)
        yield place
        place.sql.dispose()


@pytest.fixture(scope="module")
def stand(
    cluster: Cluster, contest: Installation, bucket: dict[str, str], engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stand]:
    """The champion in front, through the chart and the Helm target."""
    folder, host = tmp_path_factory.mktemp("stand"), f"canary-{cluster.namespace}.example.test"
    release = release_of(contest, "1")
    image = build_image(release, folder / "image", engine)
    key = stage.bring(cluster, [image], bucket)
    site = {
        name: value for name, value in Installed(cluster, contest, [release], [image], key).values(0).items() if name not in OURS
    }
    site |= {"bundles": {"url": "s3://evenkeel/canary-bundles"}, "store": {"url": "s3://evenkeel/canary-store"}}
    site |= {"gateway": {"enabled": True, "name": "default", "namespace": "ingress", "hostnames": [host]}}
    site |= {"replicas": 1, "drainSeconds": 2, "metrics": {"interval": "1s"}}
    # Two tracks wherever there is a node; what takes more than a gigabyte is ended by the kernel.
    site |= {"resources": {"requests": {"cpu": "1m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}}}
    values = folder / "site.yaml"
    values.write_text(yaml.safe_dump(site))
    told = {"namespace": cluster.namespace, "helm_values": values, "target": "helm", "service_key": key}
    contest.settings = contest.settings.model_copy(update=told)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("KUBECONFIG", "PATH"):
            patch.setenv(name, cluster.environment[name])
        found = Stand(contest, image.name, cluster, folder, host, key)
        bundle = contest.registry.bundle_of(NAME, "1")
        found.target.deploy(Wanted(usecase=NAME, version="1", bundle=bundle, image=image.name), timeout=180)
        until(lambda: found.ask("there").status_code == 200, "an answer through the gateway")
        yield found
        found.target.stop(NAME)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        pytest.param("crashing", "canary|replay", marks=pytest.mark.full),
        pytest.param("slow", "a replayed answer takes", marks=pytest.mark.full),
        pytest.param("hungry", "its track is not ready any more", marks=pytest.mark.full),
        pytest.param("drifted", "golden answers differ", marks=pytest.mark.full),
    ],
)
def test_rollout__of_a_broken_release_meets_no_caller(stand: Stand, fault: str, told: str) -> None:
    image = stand.broken(fault)
    with Load(stand.ask) as load:
        until(lambda: len(load.answered) > 20, "a load")
        outcome = stand.roll("better", image=image)

    tell("bad-releases", fault, answered=len(load.answered), failed=len(load.failed))
    assert outcome.outcome == "refused"
    assert any(part in outcome.reasons[0] for part in told.split("|")), outcome.reasons
    assert load.failed == []
    assert load.bundles() == {stand.place.registry.bundle_of(NAME, "1")}
    assert stand.champion_alone()


def test_rollout__of_a_release_that_fails_its_callers_is_caught_at_five_percent(stand: Stand) -> None:
    image = stand.broken("failing")
    with Load(stand.ask, pause=0.01) as load:
        until(lambda: len(load.answered) > 20, "a load")
        outcome = stand.roll("better", image=image)
        back = len(load.failed)
        enough = len(load.answered) + 50
        until(lambda: len(load.answered) > enough, "more of the load")

    touched = len(load.failed) / (len(load.failed) + len(load.answered))
    print(f"failing release: {len(load.failed)} of {len(load.failed) + len(load.answered)} requests touched, {touched:.2%}")
    tell("bad-releases", "failing", answered=len(load.answered), failed=len(load.failed))
    assert outcome.outcome == "refused"
    assert "requests failed" in outcome.reasons[0]
    assert 0 < touched <= 0.05
    assert len(load.failed) == back
    assert stand.champion_alone()


def test_rollout__without_traffic_refuses_the_tenth_worse(stand: Stand) -> None:
    outcome = stand.roll("worse")

    assert outcome.outcome == "refused"
    assert "paired replay: not sure to be better: -1" in outcome.reasons[0]
    assert stand.champion_alone()


def test_rollout__with_metrics_removed_promotes_nothing(stand: Stand) -> None:
    spec = stand.place.usecase.spec
    impatient = spec.model_copy(update={"rollout": spec.rollout.model_copy(update={"patience_seconds": 3})})
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(stand.place.usecase.__dict__, "spec", impatient)
        outcome = stand.roll("better", prometheus=NOWHERE)

    assert "no metric, no promotion" in outcome.reasons[0]
    assert stand.champion_alone()


def test_rollout__with_truth_removed_promotes_nothing(stand: Stand) -> None:
    empty = stand.place.settings.model_copy(update={"store_url": "s3://evenkeel/canary-nothing"})
    blind = replace(stand, place=Installation.open(NAME, empty))

    try:
        outcome = blind.roll("better")
    finally:
        blind.place.sql.dispose()

    assert "no truth, no promotion" in outcome.reasons[0]
    assert stand.champion_alone()


def test_rollout__without_traffic_promotes_the_tenth_better(stand: Stand) -> None:
    outcome = stand.roll("better")

    assert outcome.outcome == "promoted", outcome
    better = stand.place.registry.bundle_of(NAME, "2")
    (stable,) = stand.target.status(NAME).tracks
    assert (stable.track, stable.version, stable.bundle, stable.ready) == ("stable", "2", better, True)
    assert stand.ask("afterwards").json()["bundle"] == better
    *_, done = RolloutRecord(stand.place.ledger, NAME, "a test").rollouts()
    assert (done.ended, list(done.passed)) == ("promoted", ["replay", "weight-5"])
    assert done.passed["weight-5"].metrics is not None
