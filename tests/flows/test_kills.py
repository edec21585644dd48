"""`kill -9` of a flow run's process, and two runs at once, through a real server and worker: the end is that of one run.

Each flow is killed as soon as something can be seen of its work. Where exactly is chance, except between two feeds: there the
source keeps it waiting.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from flows.forecast import SCHEDULED
from model_code.installation import Installation
from model_code.study import searched_candidates
from services.rollout.local.service import LocalService
from tests.flows.running import Runs, completed
from tests.flows.small import FIRST, LATER, NAME, PEOPLE, PRESENT, TRIALS, HeldEia, Stages, asked, mlflow_runs, state

HASH = 64
Seen = Callable[[], object]
Twins = tuple[Installation, Installation]


@contextlib.contextmanager
def between_two_feeds(_place: Installation, eia: HeldEia) -> Iterator[Seen]:
    """The first feed is stored, the second one's source does not answer."""
    with eia.holding():
        yield eia.asked.is_set


@contextlib.contextmanager
def first_trial(place: Installation, _eia: HeldEia) -> Iterator[Seen]:
    """A trial stands in MLflow, more are to come."""
    yield lambda: asked(place.settings.home / "mlflow.db", "SELECT 1 FROM runs WHERE name LIKE 'trial%' AND status = 'FINISHED'")


@contextlib.contextmanager
def bundle_written(place: Installation, _eia: HeldEia) -> Iterator[Seen]:
    """A new bundle is there; MLflow is about to be told."""
    before = set(place.bundles.folder.glob("*"))
    yield lambda: {path for path in place.bundles.folder.glob("*") if len(path.name) == HASH} - before


@contextlib.contextmanager
def intent_recorded(place: Installation, _eia: HeldEia) -> Iterator[Seen]:
    """The ledger says what is to move; aliases and pointer are about to."""
    query = "SELECT intent FROM ledger WHERE phase = 'intent'"
    before = asked(place.settings.home / "evenkeel.db", query)
    yield lambda: len(asked(place.settings.home / "evenkeel.db", query)) > len(before)


@contextlib.contextmanager
def version_registered(place: Installation, _eia: HeldEia) -> Iterator[Seen]:
    """MLflow has a new version; it may be about to be promoted."""
    query = "SELECT 1 FROM model_versions WHERE version = 3"
    yield lambda: asked(place.settings.home / "mlflow.db", query)


@contextlib.contextmanager
def service_started(place: Installation, _eia: HeldEia) -> Iterator[Seen]:
    """The service's process is there and not ready yet."""
    yield lambda: list((place.settings.home / "run").glob("service-*.json"))


@contextlib.contextmanager
def first_prediction(place: Installation, _eia: HeldEia) -> Iterator[Seen]:
    """An origin is answered, more are due."""
    spool = place.settings.spool  # the store hears of it later, when all may be done
    yield lambda: any(holds(path, SCHEDULED) for path in spool.rglob("*"))


@contextlib.contextmanager
def verdict_noted(place: Installation, _eia: HeldEia) -> Iterator[Seen]:
    """The verdict stands in the ledger."""
    yield lambda: asked(place.settings.home / "evenkeel.db", "SELECT 1 FROM ledger WHERE action = 'verdict'")


@contextlib.contextmanager
def first_table_rewritten(place: Installation, _eia: HeldEia) -> Iterator[Seen]:
    """The first feed's files are one; what they replace is still there."""
    log = place.settings.home / "store" / NAME / "load" / "observations" / "_delta_log"
    before = len(list(log.glob("*.json")))
    yield lambda: len(list(log.glob("*.json"))) > before


def holds(path: Path, word: str) -> bool:
    """Whether a file has that word; one that is moved away meanwhile has not."""
    try:
        return path.is_file() and word.encode() in path.read_bytes()
    except FileNotFoundError:
        return False


@dataclass(frozen=True)
class Case:
    """A flow, what it starts from, where it is killed."""

    flow: str
    stage: str
    held: Callable[[Installation, HeldEia], contextlib.AbstractContextManager[Seen]]
    params: dict[str, Any] = field(default_factory=dict)
    served: bool = False


RANGE = {"start": FIRST.isoformat(), "end": PRESENT.isoformat()}
PROMOTE = Case("promote", "trained", intent_recorded, PEOPLE)
DEFAULT = [
    Case("refresh", "empty", between_two_feeds),
    Case("train", "searched", bundle_written),
    PROMOTE,
    Case("rollback", "promoted", intent_recorded, PEOPLE),
]
FULL = [
    Case("backfill", "empty", between_two_feeds, RANGE),
    Case("deploy", "promoted", service_started),
    Case("forecast", "promoted", first_prediction, {"since": FIRST.replace(day=10).isoformat()}, served=True),
    Case("monitor", "promoted", verdict_noted),
    Case("turn", "promoted", verdict_noted, served=True),
    Case("retrain", "changed", bundle_written, PEOPLE | {"now": LATER.isoformat()}),
    Case("retrain", "changed", version_registered, PEOPLE | {"now": LATER.isoformat()}),
    Case("recalibrate", "answered", version_registered, PEOPLE | {"now": LATER.isoformat()}),
    Case("compact", "grown", first_table_rewritten, {"retention_hours": 0}),
]


SEARCH = Case("search", "refreshed", first_trial)


def named(case: Case) -> str:
    return f"{case.flow}-{case.held.__name__}"


def parameters(default: list[Case], full: list[Case]) -> list[Any]:
    """Cases of every test run, and those that take longer."""
    return [
        *(pytest.param(case, id=named(case)) for case in default),
        *(pytest.param(case, id=named(case), marks=pytest.mark.full) for case in full),
    ]


CASES = parameters(DEFAULT, FULL)
TWICE = parameters([PROMOTE], [case for case in (*DEFAULT, SEARCH, *FULL) if case is not PROMOTE])


@pytest.fixture
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@pytest.fixture
def twins(case: Case, runs: Runs, stages: Stages, tmp_path: Path) -> Iterator[Twins]:
    """Two installations at the stage that the flow starts from; no run is under way."""
    runs.wait_for_processes()
    made = stages.copy(case.stage, tmp_path / "one"), stages.copy(case.stage, tmp_path / "other")
    targets = [LocalService(place.settings) for place in made]
    try:
        if case.served:
            for place, target in zip(made, targets, strict=True):
                target.deploy(place.usecase)
        yield made
    finally:
        for target in targets:
            target.stop()


def ended(place: Installation) -> dict[str, Any]:
    """What is left when its service, which keeps what is in its spool as it ends, has ended too."""
    LocalService(place.settings).stop()
    return state(place)


@pytest.mark.parametrize("case", CASES, indirect=True)
def test_flow__killed_and_run_again_ends_as_undisturbed(runs: Runs, case: Case, twins: Twins, eia: HeldEia) -> None:
    killed, undisturbed = twins
    with case.held(killed, eia) as seen:
        crashed = runs.kill(runs.start(case.flow, killed, **case.params), seen)
    assert crashed.state is not None
    assert crashed.state.is_crashed()

    ends = [completed(run) for run in runs.together([killed, undisturbed], case.flow, **case.params)]

    assert ended(killed) == ended(undisturbed)
    assert runs.artifacts(ends[-1])


@pytest.mark.full
@pytest.mark.parametrize("case", [SEARCH], indirect=True, ids=named)
def test_search__killed_and_run_again_loses_and_doubles_no_trial(runs: Runs, case: Case, twins: Twins, eia: HeldEia) -> None:
    killed, undisturbed = twins
    with case.held(killed, eia) as seen:
        runs.kill(runs.start("search", killed), seen)
    before = [trial for trial in trials(killed) if trial[0] == "FINISHED"]

    for place in twins:
        runs.complete("search", place)

    assert 0 < len(before) < TRIALS
    assert trials(killed)[: len(before)] == before == trials(undisturbed)[: len(before)]
    ridges = [candidate for _, candidate in trials(killed) if "ridge" in candidate]
    assert len(set(ridges)) == len(ridges) > 0
    assert [status for status, _ in trials(killed)] == ["FINISHED"] * TRIALS
    assert [each.family for each in searched_candidates(killed)] == ["naive", "ridge"]


def trials(place: Installation) -> list[tuple[str, str]]:
    """Status and parameters of the trials in MLflow, in their order."""
    return [row[1:3] for row in mlflow_runs(place.settings.home / "mlflow.db") if row[0].startswith("trial")]


@pytest.mark.parametrize("case", TWICE, indirect=True)
def test_flow__run_twice_at_once_ends_as_once(runs: Runs, case: Case, twins: Twins) -> None:
    twice, once = twins

    for run in runs.together([twice, twice, once], case.flow, **case.params):
        completed(run)

    assert ended(twice) == ended(once)
