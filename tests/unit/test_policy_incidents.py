"""The policy's cases for what is not one series' loss: faulty data, slices, scope, estimates, Evidently, clocks, contradictions."""

import math
from datetime import datetime

import pytest

from model_code.evidence import Action, Evidence, Release, SeriesEvidence
from model_code.policy import decide
from model_code.specification import Policy
from tests.unit.policy_cases import DAY, EVIDENTLY, NOW, action, evidence, fault, part, series

P = Policy()
OLD = NOW - 4 * DAY
CALM = "." * 14
MOVED = "..........xxxx"
WEEK = "." * 14 + "xxxxxxx"
BAD_RELEASE = {"previous": "....", "ratios": "xxxx"}
Case = tuple[str, Evidence, str, str, tuple[str, ...]]


def moved(name: str = "VIC", newest: datetime = NOW - DAY) -> SeriesEvidence:
    return series(MOVED, name=name, level="AAAA", newest=newest)


def nonsense(name: str, value: float) -> Evidence:
    """Bad origins, of which the newest has no number."""
    seen = series("XXXX", previous="....")
    points = (*seen.origins[:-1], seen.origins[-1].model_copy(update={name: value}))
    return evidence(seen.model_copy(update={"origins": points}), released_days_ago=4.5)


def told_twice() -> Evidence:
    """Two truths for one origin: bad by the one, good by the other."""
    seen = series("XXX", previous="...")
    again = seen.origins[-1].model_copy(update={"loss": 0.5})
    return evidence(seen.model_copy(update={"origins": (*seen.origins, again)}), released_days_ago=3.5)


# fmt: off
CASES: list[Case] = [
    # name, evidence, verdict, a word of its reasons, side effects
    # -- the data are at fault, not the model
    ("a stuck sensor", evidence(moved(), data_faults=(fault(),)), "hold", "demand is stuck", ("page", "quarantine")),
    ("a stuck sensor of this entity", evidence(moved(), data_faults=(fault(entity="VIC"),)), "hold", "data at fault", ("page", "quarantine")),
    ("a stopped feed", evidence(moved(), data_faults=(fault("missing"),)), "hold", "demand is missing", ("page", "refresh")),
    ("swapped columns and a stopped feed", evidence(moved(), data_faults=(fault("swapped"), fault("missing"))), "hold", "swapped", ("page", "quarantine", "refresh")),
    ("a shifted clock after a release", evidence(series("XXX", previous="..."), released_days_ago=3.5, data_faults=(fault("clock"),)), "hold", "clock", ("page", "quarantine")),
    ("another unit while coverage slips", evidence(series("." * 21, coverage=0.5), data_faults=(fault("scale"),)), "hold", "scale", ("page", "quarantine")),
    ("a fault while all is calm", evidence(series(CALM), data_faults=(fault(),)), "hold", "stuck", ("page", "quarantine")),
    ("a fault in one entity stops no action on another", evidence(moved("A"), series(CALM, name="B"), data_faults=(fault(entity="B"),)), "retrain", "A: the world", ("page", "quarantine")),
    ("a fault in the entity that is in trouble", evidence(moved("A"), series(CALM, name="B"), data_faults=(fault(entity="A"),)), "hold", "A: data at fault", ("page", "quarantine")),
    ("a fault in a feed of all stops all", evidence(moved("A"), series(CALM, name="B"), data_faults=(fault(),)), "hold", "A: data at fault", ("page", "quarantine")),
    ("a fault in one entity of many watched together", evidence(moved("all"), data_faults=(fault(entity="x"),)), "hold", "data at fault", ("page", "quarantine")),
    ("stale, and a fault too", evidence(data_faults=(fault(),)), "hold", "demand is stuck", ("page", "quarantine")),
    # -- slices
    ("a slice departs", evidence(series(CALM), slices=(part(),)), "hold", "hour=17", ("page",)),
    ("a slice that does not", evidence(series(CALM), slices=(part(departs=False),)), "hold", "even keel", ()),
    ("a slice lasts, the baseline is better on it", evidence(series(CALM), slices=(part(baseline_loss=1.0),)), "retrain", "hour=17", ("page",)),
    ("a slice lasts, the version before was better on it", evidence(series(CALM), slices=(part(previous_loss=1.0),)), "retrain", "version before", ("page",)),
    ("a slice lasts, the baseline shares it", evidence(series(CALM), slices=(part(baseline_loss=1.9),)), "hold", "hour=17", ("page",)),
    ("a slice of a few days", evidence(series(CALM), slices=(part(baseline_loss=1.0, origins=5),)), "hold", "hour=17", ("page",)),
    ("a slice departs at little cost", evidence(series(CALM), slices=(part(loss=1.1, baseline_loss=0.5),)), "hold", "hour=17", ("page",)),
    ("a slice departs while data are at fault", evidence(series(CALM), slices=(part(baseline_loss=1.0),), data_faults=(fault(entity="x"),)), "hold", "hour=17", ("page", "quarantine")),
    ("a slice beside a moved world", evidence(moved(), slices=(part(),)), "retrain", "hour=17", ("page",)),
    ("two slices, the worst first", evidence(series(CALM), slices=(part("3"), part("4", loss=3.0))), "hold", "hour=4", ("page",)),
    # -- an estimate until the truth comes
    ("truth overdue, the estimate is bad", evidence(released_days_ago=2, estimated_ratio=2.0), "hold", "estimated at 2.00", ("page",)),
    ("truth overdue, the estimate is good", evidence(released_days_ago=2, estimated_ratio=1.0), "hold", "no origin scored yet", ()),
    ("no truth for long, the estimate is bad", evidence(estimated_ratio=5.0), "hold", "estimated at 5.00", ("page",)),
    ("a bad estimate alone", evidence(series(CALM), estimated_ratio=9.0), "hold", "even keel", ()),
    # -- Evidently counts only together with the loss
    ("Evidently's breach alone", evidence(series(CALM), evidently_breach=EVIDENTLY), "hold", "warning only: Evidently's mae", ()),
    ("a bad week beaten by the baseline, Evidently sees it too", evidence(series(WEEK, baseline="." * 21), has_baseline=True, evidently_breach=EVIDENTLY), "retrain", "Evidently and the losses agree: Evidently's mae of 2", ()),
    ("a bad week beaten by the baseline, Evidently sees nothing", evidence(series(WEEK, baseline="." * 21), has_baseline=True), "hold", "hard spell", ()),
    ("a bad week shared by the baseline, Evidently or not", evidence(series(WEEK, baseline=WEEK), has_baseline=True, evidently_breach=EVIDENTLY), "hold", "hard spell", ()),
    ("a bad week without a baseline, Evidently or not", evidence(series(WEEK), evidently_breach=EVIDENTLY), "hold", "hard spell", ()),
    ("a week far off, the baseline's losses are missing", evidence(series("." * 7 + "XXXXXXX"), has_baseline=True), "hold", "hard spell", ()),
    # -- clocks, numbers, contradictions
    ("evidence from the future", evidence(series("XXXX", previous="...."), released_days_ago=4.5, at=NOW + DAY), "hold", "clocks disagree", ("page",)),
    ("an origin from the future", evidence(series("XXXX", previous="....", newest=NOW + DAY), released_days_ago=4.5), "hold", "clocks disagree", ("page",)),
    ("a release from the future", evidence(series("XXXX", previous="...."), released_days_ago=-1), "hold", "clocks disagree", ("page",)),
    ("an infinite loss", nonsense("loss", math.inf), "hold", "no finite number", ("page",)),
    ("a loss that is no number", nonsense("loss", math.nan), "hold", "no finite number", ("page",)),
    ("a level that is no number", nonsense("cusum", math.nan), "hold", "no finite number", ("page",)),
    ("two truths for one origin", told_twice(), "hold", "told twice", ("page",)),
    # -- one bad zone does not roll back all
    ("one zone bad, the other no worse before", evidence(series("xxxx", previous="....", name="A"), series("....", previous="....", name="B"), released_days_ago=4.5), "rollback", "A:", ("page",)),
    ("one zone bad, the other better since", evidence(series("xxxx", previous="....", name="A"), series("....", previous="oooo", name="B"), released_days_ago=4.5), "hold", "B would lose", ("page",)),
    ("one zone bad, the other not known", evidence(series("xxxx", previous="....", name="A"), series("....", name="B"), released_days_ago=4.5), "hold", "not known", ("page",)),
    ("one zone bad, the other's data at fault", evidence(series("xxxx", previous="....", name="A"), series("....", name="B"), released_days_ago=4.5, data_faults=(fault(entity="B"),)), "rollback", "A:", ("page", "quarantine")),
    ("two breaches at once, both of the release", evidence(series("xxxx", previous="....", name="A"), series("xxxx", previous="....", name="B"), released_days_ago=4.5), "rollback", "A:", ("page",)),
    ("a rollback not borne leaves a retrain for the other", evidence(series("xxxx", previous="....", name="A"), series("xxxx", previous="XXXX", level="AAAA", name="B"), released_days_ago=4.5), "retrain", "B: the world", ("page",)),
    # -- one zone whose origins are stale
    ("one zone in trouble is scored no more", evidence(moved("A", OLD), series(CALM, name="B")), "hold", "A: stale: its newest scored origin is 96.0 h old", ("page",)),
    ("one zone is scored no more, the other acts", evidence(moved("A"), moved("B", OLD)), "retrain", "B: stale", ("page",)),
    ("two zones at the limit of their age", evidence(moved("A", NOW - 3 * DAY), series(CALM, name="B")), "retrain", "A: the world", ()),
    ("one zone was never scored since an old release", evidence(series(CALM, name="A"), series("", name="B")), "hold", "B: stale: its release", ("page",)),
    ("one zone was not scored yet since a young one", evidence(series(".", name="A"), series("", name="B"), released_days_ago=2), "hold", "B: 0 origins scored", ()),
    ("a bad release of a zone that is scored no more", evidence(series("XXX", previous="...", name="A", newest=OLD), series(CALM, previous=CALM, name="B"), released_days_ago=6.5), "hold", "A: stale", ("page",)),
    ("one zone bad, the other's losses are of old", evidence(series("xxxx", previous="....", name="A"), series("....", previous="....", name="B", newest=OLD), released_days_ago=8), "hold", "it is not known", ("page",)),
    ("one zone is scored no more for its data are at fault", evidence(series("xxxx", previous="....", name="A"), series("....", name="B", newest=OLD), released_days_ago=8, data_faults=(fault("missing", "B"),)), "rollback", "B: data at fault", ("page", "refresh")),
    ("the release blamed on half of its origins only", evidence(series("xxxx", previous=" .. "), released_days_ago=4.5), "hold", "hard spell", ()),
]
# fmt: on


@pytest.mark.parametrize(("seen", "verdict", "word", "effects"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_decide__incident(seen: Evidence, verdict: str, word: str, effects: tuple[str, ...]) -> None:
    decided = decide(P, seen, (), NOW)

    assert decided.action == verdict, decided.reasons
    assert word in " | ".join(decided.reasons)
    assert decided.side_effects == effects


def test_decide__what_evidently_caused_is_no_warning_too() -> None:
    seen = evidence(series(WEEK, baseline="." * 21), has_baseline=True, evidently_breach=EVIDENTLY)

    verdict = decide(P, seen, (), NOW)

    assert verdict.action == "retrain"
    assert [reason.count(EVIDENTLY) for reason in verdict.reasons] == [1]


SPELL, BORNE = series(".......x..xxxx", name="A"), series(CALM, name="A", level="AAAA")


@pytest.mark.parametrize(
    ("zone", "done", "troubled"),
    [
        (moved("A"), (), ("A",)),
        (moved("A"), (action("retrain", 2),), ("A",)),
        (series("xxxx", name="A", previous="...."), (action("retrain", 2),), ("A",)),
        (SPELL, (), ()),
        (BORNE, (), ()),
        (series(CALM, name="A"), (), ()),
    ],
    ids=["asks", "has to wait", "has to wait for a rollback", "hard spell", "alarm borne", "well"],
)
@pytest.mark.parametrize("divisible", [True, False])
def test_decide__tells_who_is_in_trouble(
    zone: SeriesEvidence, done: tuple[Action, ...], troubled: tuple[str, ...], divisible: bool
) -> None:
    seen = evidence(zone, series(CALM, name="B", previous=CALM), divisible=divisible, released_days_ago=4.5)

    assert decide(P, seen, done, NOW).troubled == troubled


def test_decide__tells_whose_data_are_at_fault() -> None:
    zones = series(CALM, name="A"), series(CALM, name="B")

    assert decide(P, evidence(*zones, data_faults=(fault(entity="B"),)), (), NOW).troubled == ("B",)


def test_evidently__tells_of_its_error_as_a_report_does() -> None:
    assert EVIDENTLY == "Evidently's mae of 2 over 7 origins is 2.00 times the expected 1; limit 1.50"


def test_decide__worst_slice_is_told_first() -> None:
    told = decide(P, evidence(series(CALM), slices=(part("3"), part("4", loss=3.0))), (), NOW).reasons

    assert ["hour=4" in told[0], "hour=3" in told[1]] == [True, True]


def test_decide__same_alert_twenty_times_is_one_action() -> None:
    seen = evidence(series(MOVED, level="AAAA"))
    done: list[Action] = []
    for minute in range(20):
        verdict = decide(P, seen, done, NOW + minute * DAY / 1440)
        done += [Action(action=verdict.action, at=NOW + minute * DAY / 1440)] if verdict.action != "hold" else []

    assert [each.action for each in done] == ["retrain"]


def test_decide__a_wanted_rollback_that_has_to_wait_calls_a_person() -> None:
    seen = evidence(series("XX", previous=".."), released_days_ago=2.5)

    assert decide(P, seen, (action("retrain", 2.5),), NOW).side_effects == ("page",)


def test_decide__an_action_in_the_future_still_cools_down() -> None:
    seen = evidence(series(MOVED, level="AAAA"))

    assert decide(P, seen, (action("retrain", -5),), NOW).action == "hold"


def test_decide__scope_tolerance_says_what_the_others_may_lose() -> None:
    zones = series("xxxx", previous="....", name="A"), series("....", previous="oooo", name="B")
    seen = evidence(*zones, releases=(Release(version="3", at=NOW - 4.5 * DAY),))

    assert decide(P.model_copy(update={"scope_tolerance": 0.4}), seen, (), NOW).action == "rollback"
