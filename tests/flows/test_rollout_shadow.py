"""The shadow of a rollout and its paired replay, against real services and a real store."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from model_code.errors import RolloutError
from model_code.rehearsal import REHEARSED
from model_code.rollout_evidence import Plan, ReplayedOrigin, ShadowComparison
from services.client import ForecastClient
from services.rollout.analysis.replay import Endpoint, known_origins, replay
from services.rollout.analysis.shadow import Shadow
from tests.conftest import free_port
from tests.contenders import NAME, ORIGINS, PRESENT, TRAINED
from tests.contenders_served import Served
from tests.unit import rollout_cases

pytestmark = pytest.mark.xdist_group("contenders")
LATEST = datetime(2024, 4, 20, tzinfo=UTC)
ROWS = [[60.0, 61.0], [62.0, 59.0]]
MOST_SECONDS = 60.0


@pytest.fixture
def plan(contenders: Served) -> Plan:
    hashes = {"champion_bundle": contenders.bundles["champion"], "challenger_bundle": contenders.bundles["better"]}
    known = known_origins(contenders.place, PRESENT, ORIGINS)
    return rollout_cases.plan().model_copy(update=hashes | {"usecase": NAME, "at": PRESENT, "origins": tuple(known)})


def asked(contenders: Served, who: str) -> datetime:
    """Callers ask the champion in every way that keeps features or an origin; when they began."""
    began = datetime.now(UTC)
    with ForecastClient(contenders.urls[contenders.bundles["champion"]], key="") as client:
        client.forecast(entity="north", origin=LATEST, request_id=f"{who}/forecast", asked_by=who)
        client.predict(ROWS, lead=[0, 3], entity=["north", "south"], origin=LATEST, request_id=f"{who}/rows", asked_by=who)
        client.predict(ROWS, lead=[1, 2], request_id=f"{who}/nobody-knows-what-about", asked_by=who)
        client.forecast(origin=LATEST, request_id=f"{REHEARSED}other/{who}", asked_by=f"{REHEARSED}replay")
    return began


def compared(contenders: Served, plan: Plan, url: str, who: str) -> ShadowComparison:
    began = asked(contenders, who)
    return Shadow(contenders.place, plan, who, url).compare(began, MOST_SECONDS, 3)


def test_shadow__asks_the_new_version_what_callers_asked_and_answers_nobody(contenders: Served, plan: Plan) -> None:
    found = compared(contenders, plan, contenders.urls[plan.challenger_bundle], "a-caller")

    assert (found.requests, found.failed) == (3, 0)
    assert found.difference is not None
    assert 0 < found.difference < 0.05
    assert found.seconds is not None
    assert found.stable_seconds is not None
    kept = contenders.place.predictions.between(NAME, LATEST, LATEST + timedelta(days=1))
    assert set(kept["bundle"]) == {plan.champion_bundle}
    assert not kept["asked_by"].str.startswith(REHEARSED).any()


def test_shadow__that_does_not_answer_has_failed(contenders: Served, plan: Plan) -> None:
    found = compared(contenders, plan, f"http://127.0.0.1:{free_port()}", "somebody")

    assert (found.requests, found.failed, found.difference) == (3, 3, None)


def test_shadow__without_requests_says_so(contenders: Served, plan: Plan) -> None:
    url = contenders.urls[plan.challenger_bundle]

    found = Shadow(contenders.place, plan, "none", url).compare(datetime.now(UTC), 0.2, 10)

    assert found == ShadowComparison(requests=0)


def test_known_origins__are_the_latest_with_truth(contenders: Served) -> None:
    known = known_origins(contenders.place, PRESENT, ORIGINS)

    assert len(known) == ORIGINS
    assert known == sorted(known)
    assert known[-1] == LATEST - timedelta(days=1), "the truth of the latest one is not known yet"
    assert known[0] > TRAINED
    assert known_origins(contenders.place, PRESENT - timedelta(hours=26), 1) == [LATEST - timedelta(days=2)]


def ends(contenders: Served, plan: Plan, challenger: str | None = None) -> tuple[Endpoint, Endpoint]:
    first = Endpoint("stable", contenders.urls[plan.champion_bundle], plan.champion_bundle)
    return first, Endpoint("canary", challenger or contenders.urls[plan.challenger_bundle], plan.challenger_bundle)


def of(told: tuple[ReplayedOrigin, ...], what: Callable[[ReplayedOrigin], object]) -> set[object]:
    return {what(each) for each in told}


def test_replay__scores_both_endpoints_on_the_same_rows(contenders: Served, plan: Plan) -> None:
    few = plan.model_copy(update={"origins": plan.origins[-4:]})

    first = replay(contenders.place, few, "replayed", *ends(contenders, few), seconds=MOST_SECONDS)
    again = replay(contenders.place, few, "replayed", *ends(contenders, few), seconds=MOST_SECONDS)

    assert [each.origin for each in first.origins] == list(few.origins)
    assert all(each.champion and each.challenger and each.champion != each.challenger for each in first.origins)
    losses = [[(each.champion, each.challenger) for each in one.origins] for one in (first, again)]
    assert losses[0] == losses[1]


def test_replay__of_an_endpoint_that_is_not_there_has_no_loss(contenders: Served, plan: Plan) -> None:
    few = plan.model_copy(update={"origins": plan.origins[-2:]})
    nowhere = f"http://127.0.0.1:{free_port()}"

    told = replay(contenders.place, few, "gone", *ends(contenders, few, nowhere), seconds=MOST_SECONDS).origins

    assert of(told, lambda each: each.challenger) == {None}
    assert None not in of(told, lambda each: each.champion)


def test_replay__that_takes_too_long_has_no_loss(contenders: Served, plan: Plan) -> None:
    told = replay(contenders.place, plan, "late", *ends(contenders, plan), seconds=0).origins

    assert of(told, lambda each: (each.champion, each.challenger)) == {(None, None)}


def test_replay__of_another_bundle_is_no_evidence(contenders: Served, plan: Plan) -> None:
    with pytest.raises(RolloutError, match="the canary endpoint answers with bundle"):
        replay(
            contenders.place,
            plan,
            "wrong",
            *ends(contenders, plan, contenders.urls[contenders.bundles["worse"]]),
            seconds=MOST_SECONDS,
        )
