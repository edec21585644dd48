"""The closed loop inside a cluster: every step a Job, every incident told by nobody, every action started by an automation."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.states import Cancelling

from flows.demo.operator import bad_version
from flows.demo.scenario import COLD, USECASE, Scenario
from flows.drill.course import Course
from model_code.data.world import LevelShift, World
from model_code.evidence import Evidence
from model_code.policy import Verdict
from monitoring.judgement import VERDICT
from services.build.engine import Engine
from services.build.image import build_image
from services.build.release import release_of
from tests.e2e.cluster import Cluster, until
from tests.e2e.contest import contest_on, mount_usecase
from tests.e2e.load import Load
from tests.e2e.looped import CARDS, Looped, looped, patiently
from tests.e2e.stage import POSTGRESQL, bring_postgresql

# Some fifteen Jobs one after the other; one story, whose tests build on each other. What else uses the cluster may go on beside it.
pytestmark = [pytest.mark.timeout(1800), pytest.mark.xdist_group("loop")]

# The process that runs the flow, not the one that looks after it: as the kernel ends what takes too much memory.
KILL = """
import os
for number in os.listdir("/proc"):
    if number.isdigit() and int(number) not in (1, os.getpid()) and b"prefect.engine" in open(f"/proc/{number}/cmdline", "rb").read():
        os.kill(int(number), 9)
        print("killed", number)
"""


def day(name: str) -> datetime:
    """Two o'clock of a day, when the day before is told."""
    return datetime.fromisoformat(f"2014-{name}T02:00:00+10:00")


TRAIN, EXTREME, BAD, CALM, CHANGED, RECOVERED, LATER = (
    day(name) for name in ("07-01", "07-29", "08-02", "08-15", "08-24", "09-03", "09-05")
)
SHIFT = LevelShift(feed="demand", column="demand", start=datetime.fromisoformat("2014-08-16T00:00:00+10:00"), factor=0.85)
WORLD = World(seed=7, imperfections=Scenario().imperfections, level_shifts=(SHIFT,))


@pytest.fixture(scope="module")
def loop(cluster: Cluster, engine: Engine, platform_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Looped]:
    """The platform in a namespace of its own, with nothing trained yet."""
    own = cluster.beside("loop")
    bring_postgresql(cluster, engine)
    own.create()
    try:
        mount = mount_usecase(own, tmp_path_factory.mktemp("usecases"))
        with looped(own, platform_image, POSTGRESQL, WORLD, [mount]) as found:
            yield found
    finally:
        own.delete()


def verdict_at(loop: Looped, now: datetime) -> tuple[Verdict, Evidence]:
    """What the newest look at that moment said, as the ledger has it."""
    notes = [entry for entry in loop.place.ledger.entries(USECASE) if entry.action == VERDICT and entry.at == now]
    return Verdict.model_validate(notes[-1].evidence["verdict"]), Evidence.model_validate(notes[-1].evidence["seen"])


def champion(loop: Looped) -> tuple[str | None, str]:
    """Version and bundle that are wanted."""
    pointer = loop.place.pointers.get(USECASE)
    assert pointer is not None
    return loop.place.registry.version_of(USECASE, "champion"), pointer.wanted


def test_loop__goes_from_an_empty_cluster_to_a_forecast_through_the_ingress(loop: Looped, engine: Engine, tmp_path: Path) -> None:
    loop.run("refresh", TRAIN)
    loop.run("search", TRAIN, trials=3)
    loop.run("train", TRAIN)
    loop.run("promote", TRAIN, reason="first model")
    image = build_image(release_of(loop.place), tmp_path, engine)
    loop.cluster.load(image.name)
    loop.run("deploy", image=image.name)

    assert champion(loop) == ("1", loop.served())
    answered = loop.ask("first")
    assert answered.status_code == 200, answered.text
    assert len(answered.json()["values"]) == loop.place.usecase.spec.horizon.steps


def test_loop__holds_through_a_natural_extreme(loop: Looped) -> None:
    loop.run("turn", EXTREME)

    verdict, seen = verdict_at(loop, EXTREME)
    origins = {point.origin for series in seen.series for point in series.origins}
    assert verdict.action == "hold", verdict
    assert any(COLD[0] <= origin < COLD[1] for origin in origins)
    assert champion(loop)[0] == "1"


def test_loop__rolls_a_bad_release_back_by_itself(loop: Looped) -> None:
    good = loop.served()
    bad = bad_version(loop.place, EXTREME, 1.25)
    loop.run("promote", EXTREME, version=bad, actor="operator", reason="demand needs it today", force=True)
    released = champion(loop)
    before = loop.runs("rollback")
    with Load(loop.ask, pause=0.5) as load:
        until(lambda: released[1] in load.bundles(), "an answer by the bad release")
        loop.run("turn", BAD)
        done = loop.started("rollback", before)
        patiently(lambda: loop.served() == good, "the good model's answer")

    assert released[0] == bad
    assert verdict_at(loop, BAD)[0].action == "rollback"
    assert done.created_by is not None
    assert done.created_by.type == "AUTOMATION"
    assert champion(loop) == ("1", good)
    assert load.failed == []


def test_loop__retrains_when_the_world_changed(loop: Looped) -> None:
    loop.run("turn", CALM)
    assert verdict_at(loop, CALM)[0].action == "hold"
    before, known = champion(loop), loop.runs("retrain")

    loop.run("turn", CHANGED)
    done = loop.started("retrain", known)
    loop.run("turn", RECOVERED)

    assert verdict_at(loop, CHANGED)[0].action == "retrain"
    assert done.created_by is not None
    assert done.created_by.type == "AUTOMATION"
    assert champion(loop) != before
    assert loop.served() == champion(loop)[1]
    assert verdict_at(loop, RECOVERED)[0].action == "hold"


def test_loop__leaves_its_story_in_the_ledger_and_ran_it_as_jobs(loop: Looped) -> None:
    course = Course.of(loop.place)

    assert [action.action for action in course.actions] == ["rollback", "retrain"]
    assert [look.verdict.action for look in course.looks] == ["hold", "rollback", "hold", "retrain", "hold"]
    assert [move.action for move in course.moves] == ["promote", "rollback", "promote"]
    for flow in ("refresh", "search", "train", "promote", "deploy", "turn", "rollback", "retrain"):
        for run in loop.runs(flow):
            found = loop.read(run)
            assert found.infrastructure_pid, flow
            assert found.infrastructure_pid.startswith(f"{loop.cluster.namespace}:")


def test_rollout__is_judged_by_flow_runs_while_callers_ask(loop: Looped, engine: Engine, tmp_path: Path) -> None:
    with contest_on(loop, engine, tmp_path) as contest, Load(contest.ask, pause=0.05) as load:
        refused, worse = contest.rolled_out("worse")
        met = load.bundles()
        promoted, better = contest.rolled_out("better")
        assert better.ended == "promoted", better
        until(lambda: contest.ask("afterwards").json()["bundle"] == contest.bundle("better"), "the better one alone")
        first, second = contest.bundle("champion"), contest.bundle("better")

    assert (worse.ended, list(worse.passed)) == ("refused", ["shadow"])
    assert met == {first}
    assert list(better.passed) == ["shadow", "replay", "weight-50"]
    shadow, metrics = better.passed["shadow"].shadow, better.passed["weight-50"].metrics
    assert shadow is not None
    assert shadow.requests == 20
    assert metrics is not None
    assert metrics.canary.requests > 0
    assert load.bundles() == {first, second}
    assert load.failed == []
    assert [row["step"] for row in loop.table(refused)] == ["shadow", "refused"]
    assert [row["step"] for row in loop.table(promoted)] == ["shadow", "replay", "weight-50", "promoted"]
    assert loop.read(promoted).infrastructure_pid, "it was a Job"


def test_run__of_the_pool_with_cards_is_a_job_on_a_node_that_has_one(loop: Looped) -> None:
    nodes = loop.cluster.kubectl("get", "nodes", "-l", "nvidia.com/gpu.present=true", "-o", "name", namespaced=False).split()
    if not nodes:
        pytest.skip("no node of this cluster has a card")
    run = loop.start("search", RECOVERED, named=CARDS, trials=1)
    until(lambda: loop.pods_of(run), "its pod")
    (pod,) = loop.pods_of(run)
    loop.completed(run)

    (container,) = pod["spec"]["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in pod["spec"]["tolerations"]
    (terms,) = pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert terms["matchExpressions"] == [{"key": "nvidia.com/gpu.present", "operator": "In", "values": ["true"]}]


@pytest.mark.full
def test_run__whose_pod_is_deleted_is_run_again_and_ends_the_same(loop: Looped) -> None:
    before = champion(loop)
    run = loop.start("turn", LATER)
    patiently(lambda: loop.is_running(run), "the run under way")
    (pod,) = loop.pods_of(run)
    loop.cluster.kubectl("delete", "pod", pod["metadata"]["name"], "--wait=false")
    found = loop.completed(run)

    kept = loop.place.predictions.between(USECASE, RECOVERED, LATER)
    assert "AwaitingRetry" in loop.states(run)
    assert found.run_count == 2
    assert champion(loop) == before
    assert not kept.duplicated(["origin", "time", "request_id"]).any()
    assert verdict_at(loop, LATER)[0].action == "hold"


@pytest.mark.full
def test_run__that_is_killed_is_run_once_more(loop: Looped) -> None:
    run = loop.start("train", TRAIN)
    versions = len(loop.place.registry.versions(USECASE))
    patiently(lambda: loop.is_running(run), "the run under way")
    (pod,) = loop.pods_of(run)
    assert "killed" in loop.cluster.python(pod["metadata"]["name"], KILL)
    found = loop.completed(run)

    assert "Crashed" in loop.states(run)
    assert found.run_count == 2
    trained = loop.place.registry.versions(USECASE)
    assert len(trained) <= versions + 1
    assert len({version.bundle for version in trained}) == len(trained), "what it trained is registered once"


@pytest.mark.full
def test_run__that_is_cancelled_leaves_no_job(loop: Looped) -> None:
    run = loop.start("train", TRAIN)
    patiently(lambda: loop.is_running(run), "the run under way")
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run, Cancelling())
    patiently(lambda: loop.states(run)[-1] == "Cancelled", "the end of the cancelled run")
    patiently(lambda: not loop.jobs_of(run) and not loop.pods_of(run), "the end of its pod and its Job")


@pytest.mark.full
def test_run__that_a_full_quota_refuses_says_so(loop: Looped) -> None:
    loop.cluster.kubectl("create", "quota", "full", "--hard=count/jobs.batch=0")
    try:
        run = loop.start("refresh", LATER)
        patiently(lambda: loop.states(run)[-1] == "Crashed", "the refusal")
    finally:
        loop.cluster.kubectl("delete", "quota", "full")
    state = loop.read(run).state

    assert state is not None
    assert "exceeded quota: full" in str(state.message)
