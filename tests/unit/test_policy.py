"""The policy's table of cases, and what holds for any evidence."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_code.evidence import Action, Evidence, SeriesEvidence
from model_code.policy import decide
from model_code.specification import Policy
from tests.unit.policy_cases import DAY, NOW, action, evidence, series

P = Policy()
CALM = "." * 14
SETTINGS = settings(deadline=None, max_examples=200, derandomize=True)
Case = tuple[str, Evidence, tuple[Action, ...], str, str]

# fmt: off
CASES: list[Case] = [
    # name, evidence, history, verdict, a word of its reason
    # -- on an even keel
    ("calm", evidence(series(CALM)), (), "hold", "even keel"),
    ("one bad origin", evidence(series("............x.")), (), "hold", "even keel"),
    ("two bad origins of four", evidence(series("...........x.x")), (), "hold", "even keel"),
    ("one blatant origin", evidence(series(".............X")), (), "hold", "even keel"),
    ("bad origins long ago", evidence(series("xxxx..........")), (), "hold", "even keel"),
    ("a little worse than expected for long", evidence(series("oooooooooooooo", baseline=CALM)), (), "hold", "even keel"),
    # -- no evidence, stale evidence
    ("nothing released, nothing scored", evidence(releases=()), (), "hold", "no scored origin"),
    ("no series at all, old release", evidence(), (), "hold", "stale"),
    ("just released, nothing scored yet", evidence(released_days_ago=1), (), "hold", "no origin scored yet"),
    ("newest origin too old", evidence(series("XXXX", previous="....", newest=NOW - 4 * DAY), released_days_ago=8), (), "hold", "stale"),
    ("evidence gathered too long ago", evidence(series("XXXX", previous="...."), released_days_ago=4, at=NOW - 4 * DAY), (), "hold", "stale"),
    # -- data at fault
    ("no data", evidence(series("XXXX", previous="...."), released_days_ago=4, data_age=None), (), "hold", "data at fault"),
    ("old data", evidence(series("XXXX", previous="...."), released_days_ago=4, data_age=2 * DAY), (), "hold", "data at fault"),
    ("many rows quarantined", evidence(series("xxxx", level="AAAA"), quarantined_share=0.5), (), "hold", "quarantine"),
    ("few rows quarantined", evidence(series("xxxx", level="AAAA"), quarantined_share=0.1), (), "retrain", "world changed"),
    # -- a bad release
    ("blatant from the first two origins", evidence(series("XX", previous=".."), released_days_ago=2.5), (), "rollback", "version 2"),
    ("blatant, but one origin only", evidence(series("X", previous="."), released_days_ago=1.5), (), "hold", "1 origins scored"),
    ("blatant, one of two not replayed", evidence(series("XX", previous=" ."), released_days_ago=2.5), (), "hold", "2 origins scored"),
    ("blatant, the previous as bad", evidence(series("XX", previous="XX"), released_days_ago=2.5), (), "hold", "2 origins scored"),
    ("bad for three origins, previous better", evidence(series("xxx", previous="..."), released_days_ago=3.5), (), "rollback", "version 2"),
    ("bad for two origins waits", evidence(series("xx", previous=".."), released_days_ago=2.5), (), "hold", "2 origins scored"),
    ("bad since the release, previous unknown", evidence(series("xxxx"), released_days_ago=4.5), (), "hold", "hard spell"),
    ("bad since the release, previous as bad", evidence(series("xxxx", previous="xxxx"), released_days_ago=4.5), (), "hold", "hard spell"),
    ("bad since the release, previous better on some", evidence(series("xxxx", previous="..xx"), released_days_ago=4.5), (), "hold", "hard spell"),
    ("previous better on a few origins", evidence(series("oooooooo", previous="ooooo.o."), released_days_ago=8.5), (), "hold", "even keel"),
    ("never bad by its own profile, but beaten for a week", evidence(series("ooooooo", previous="......."), released_days_ago=7.5), (), "rollback", "version 2"),
    ("beaten for a week long after the release", evidence(series("o" * 14, previous="." * 14), released_days_ago=30), (), "hold", "even keel"),
    ("trouble long after the release", evidence(series("..........xxxx", previous=" " * 10 + "....")), (), "hold", "hard spell"),
    ("trouble late within attribution", evidence(series("......xxxx", previous=" " * 6 + "...."), released_days_ago=10.5), (), "rollback", "version 2"),
    ("bad release while the world moves", evidence(series("XXX", previous="...", level="AAA"), released_days_ago=3.5), (), "rollback", "version 2"),
    ("previous known to be bad", evidence(series("XXX", previous="..."), released_days_ago=3.5, bad_versions=("2",)), (), "hold", "known to be bad"),
    ("no previous", evidence(series("XXX", previous="..."), released_days_ago=3.5, previous=None), (), "hold", "no version before"),
    # -- the world changed
    ("level moved, champion suffers", evidence(series("..........xxxx", level="AAAA")), (), "retrain", "world changed"),
    ("level fell, champion suffers", evidence(series("..........xxxx", level="BBBB")), (), "retrain", "below normal"),
    ("level moved, champion absorbs after one bad origin", evidence(series("...........X..", level="+AA")), (), "retrain", "world changed"),
    ("level moved, champion absorbs after one so-so origin", evidence(series("..........o...", level="+AAA")), (), "retrain", "world changed"),
    ("level moved, champion heals for six origins", evidence(series("...XX......", level="++AAAAAA")), (), "retrain", "world changed"),
    ("level moved, champion has healed for seven", evidence(series("...XX.......", level="++AAAAAAA")), (), "hold", "bear it"),
    ("level moved, healed for six origins, then bad", evidence(series("..XX......X", level="++AAAAAAA")), (), "retrain", "world changed"),
    ("level moved, champion bears it", evidence(series(CALM, level="AAAA")), (), "hold", "bear it"),
    ("level alarm of two origins waits", evidence(series("............xx", level="AA")), (), "hold", "bear it"),
    ("excursion without an alarm", evidence(series("..........xxx.", level="++++")), (), "hold", "hard spell"),
    ("alarm that has passed", evidence(series("......xxxx....", level="AAAA++++")), (), "hold", "even keel"),
    ("level moved soon after a release, previous suffers too", evidence(series("..xxxx", previous="..xxxx", level="AAAA"), released_days_ago=6.5), (), "retrain", "world changed"),
    ("level moved before enough origins", evidence(series("xx", level="AA"), released_days_ago=2.5), (), "hold", "2 origins scored"),
    # -- a retrain that the world outlives
    ("retrained, then the old lags absorb the step", evidence(series("xoxxx", previous="o.o.."), released_days_ago=5.5, won="XXx"), (), "retrain", "changes again"),
    ("retrained, then beaten on each of six origins", evidence(series("xxxxxx", previous="......"), released_days_ago=6.5, won="XXx"), (), "retrain", "changes again"),
    ("retrained, beaten far longer than it won", evidence(series("x" * 9, previous="." * 9), released_days_ago=9.5, won="xxx"), (), "rollback", "version 2"),
    ("retrained, and blatant from the first two origins", evidence(series("XX", previous=".."), released_days_ago=2.5, won="XXX"), (), "rollback", "version 2"),
    ("retrained, beaten on too few origins", evidence(series("xx", previous=".."), released_days_ago=2.5, won="XXX"), (), "hold", "2 origins scored"),
    ("retrained on the latest, and no worse than before it", evidence(series("xxxx", previous="xxxx"), released_days_ago=4.5, won="XXX"), (), "hold", "hard spell"),
    ("retrained, outlived, but cooling down", evidence(series("xxxxxx", previous="......"), released_days_ago=6.5, won="XXx"), (action("retrain", 2),), "hold", "wanted retrain"),
    # -- a hard spell, a stale model
    ("cold days, baseline no better", evidence(series("..........xxx.", baseline="..........xxx.")), (), "hold", "baseline is no better"),
    ("a hard week, baseline no better", evidence(series("." * 7 + "xxxxxxx", baseline="." * 7 + "xxxxxxx")), (), "hold", "hard spell"),
    ("a bad week beaten by the baseline waits", evidence(series("." * 7 + "xxxxxxx", baseline=CALM)), (), "hold", "hard spell"),
    ("a week far off, beaten by the baseline", evidence(series("." * 7 + "XXXXXXX", baseline=CALM)), (), "retrain", "stale"),
    ("a week far off, no baseline", evidence(series("." * 7 + "XXXXXXX")), (), "retrain", "stale"),
    ("a week far off, the baseline too", evidence(series("." * 7 + "XXXXXXX", baseline=" " * 7 + "XXXXXXX")), (), "hold", "baseline is no better"),
    ("four days far off, beaten by the baseline", evidence(series("." * 10 + "XXXX", baseline=CALM)), (), "hold", "hard spell"),
    ("three bad weeks, no baseline", evidence(series("x" * 21)), (), "retrain", "stale"),
    ("three bad weeks beaten by the baseline", evidence(series("x" * 21, baseline="." * 21)), (), "retrain", "stale"),
    ("two bad weeks, no baseline", evidence(series("." * 7 + "x" * 14)), (), "hold", "hard spell"),
    ("three hard weeks shared by the baseline", evidence(series("x" * 21, baseline="x" * 21)), (), "hold", "hard spell"),
    # -- intervals
    ("coverage slipped", evidence(series("." * 21, coverage=0.7)), (), "recalibrate", "70%"),
    ("coverage a little low", evidence(series("." * 21, coverage=0.8)), (), "hold", "even keel"),
    ("coverage slipped over few origins", evidence(series("." * 20, coverage=0.5)), (), "hold", "even keel"),
    ("coverage slipped while the loss is bad", evidence(series("." * 17 + "xxxx", coverage=0.5)), (), "hold", "hard spell"),
    ("coverage slipped with a loss too high on the mean", evidence(series("o" * 21, coverage=0.5)), (), "hold", "even keel"),
    ("no intervals", evidence(series(CALM, coverage=None), coverage_objective=None), (), "hold", "even keel"),
    # -- restraint
    ("cooling down after a retrain", evidence(series("..........xxxx", level="AAAA")), (action("retrain", 2),), "hold", "cooling down"),
    ("cool-down over", evidence(series("..........xxxx", level="AAAA")), (action("retrain", 3),), "retrain", "world changed"),
    ("cooling down holds a blatant rollback too", evidence(series("XX", previous=".."), released_days_ago=2.5), (action("retrain", 2.5),), "hold", "wanted rollback"),
    ("over budget", evidence(series("..........xxxx", level="AAAA")), tuple(action("retrain", d) for d in (3.5, 5, 6.5)), "hold", "over budget"),
    ("budget freed after a week", evidence(series("..........xxxx", level="AAAA")), tuple(action("retrain", d) for d in (3.5, 5, 7)), "retrain", "world"),
    ("holds do not count", evidence(series("..........xxxx", level="AAAA")), tuple(action("hold", d) for d in (0, 1, 2, 3)), "retrain", "world"),
    # -- Evidently
    ("Evidently alone", evidence(series(CALM), drifted_share=1.0), (), "hold", "Evidently"),
    # -- several series
    ("one of two series", evidence(series(CALM, name="A"), series("..........xxxx", name="B", level="AAAA")), (), "retrain", "B:"),
    ("rollback goes before retrain", evidence(series("xxxx", name="A", previous="...."), series("xxxx", name="B", previous="xxxx", level="AAAA"), released_days_ago=4.5), (), "rollback", "A:"),
]
# fmt: on


@pytest.mark.parametrize(("seen", "history", "verdict", "word"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_decide__case(seen: Evidence, history: tuple[Action, ...], verdict: str, word: str) -> None:
    decided = decide(P, seen, history, NOW)
    assert decided.action == verdict, decided.reasons
    assert word in " | ".join(decided.reasons)


def test_decide__stale_evidence_pages_and_faulty_data_are_refreshed() -> None:
    assert decide(P, evidence(), (), NOW).side_effects == ("page",)
    assert decide(P, evidence(data_age=None), (), NOW).side_effects == ("page", "refresh")


def test_decide__scope_names_the_series_unless_all_ask() -> None:
    moved = {"ratios": "..........xxxx", "level": "AAAA"}
    assert decide(P, evidence(series(CALM, name="A"), series(**moved, name="B")), (), NOW).scope == ("B",)
    assert decide(P, evidence(series(**moved, name="A"), series(**moved, name="B")), (), NOW).scope == ()


def test_decide__says_since_when() -> None:
    moved = decide(P, evidence(series("..........xxxx", level="AAAA")), (), NOW)
    assert moved.since == NOW - 4 * DAY
    blamed = decide(P, evidence(series("..xxx", previous="....."), released_days_ago=5.5), (), NOW)
    assert blamed.since == NOW - 3 * DAY
    assert decide(P, evidence(series(CALM)), (), NOW).since is None


def test_decide__three_hard_weeks_call_a_person() -> None:
    assert decide(P, evidence(series("x" * 21, baseline="x" * 21)), (), NOW).side_effects == ("page",)
    assert decide(P, evidence(series("." * 10 + "xxxx")), (), NOW).side_effects == ()


def spells(of: str) -> st.SearchStrategy[str]:
    """Strings of up to 20 marks that stay the same for a while, as weather and worlds do."""
    spell = st.tuples(st.sampled_from(of), st.integers(1, 8)).map(lambda drawn: drawn[0] * drawn[1])
    return st.lists(spell, max_size=5).map(lambda drawn: "".join(drawn)[:20])


watched = st.builds(
    lambda ratios, previous, baseline, level, coverage: series(
        ratios,
        previous=previous[: len(ratios)],
        baseline=baseline[: len(ratios)],
        level=level[: len(ratios)],
        coverage=coverage,
    ),
    spells(".oxX"),
    spells(".oxX "),
    spells(".oxX "),
    spells("AB+- "),
    st.floats(0, 1),
)
histories = st.lists(
    st.tuples(st.sampled_from(["hold", "recalibrate", "rollback", "retrain"]), st.floats(0, 30)).map(lambda a: action(*a)),
    max_size=6,
)
days = st.floats(0, 25)


@given(watched, days, histories, st.sets(st.sampled_from(["1", "2"])))
@SETTINGS
def test_decide__never_rolls_back_to_a_version_known_to_be_bad(
    run: SeriesEvidence, released: float, history: list[Action], bad: set[str]
) -> None:
    verdict = decide(P, evidence(run, released_days_ago=released, bad_versions=tuple(sorted(bad))), history, NOW)
    assert verdict.to_version not in bad
    assert (verdict.to_version is not None) == (verdict.action == "rollback")


@given(watched, days, histories)
@SETTINGS
def test_decide__never_acts_within_the_cooldown(run: SeriesEvidence, released: float, history: list[Action]) -> None:
    verdict = decide(P, evidence(run, released_days_ago=released), history, NOW)
    if any(earlier.action != "hold" and NOW - earlier.at < P.cooldown for earlier in history):
        assert verdict.action == "hold"


@given(watched, days, histories, st.floats(3.01, 100))
@SETTINGS
def test_decide__never_acts_on_stale_evidence(run: SeriesEvidence, released: float, history: list[Action], late: float) -> None:
    seen = evidence(run, released_days_ago=released)
    assert decide(P, seen, history, NOW + late * DAY).action == "hold"
    assert decide(P, seen.model_copy(update={"data_age": late * DAY}), history, NOW).action == "hold"


@given(watched, days, histories, histories)
@SETTINGS
def test_decide__more_history_never_makes_it_act_more(
    run: SeriesEvidence, released: float, history: list[Action], more: list[Action]
) -> None:
    seen = evidence(run, released_days_ago=released)
    less, longer = decide(P, seen, history, NOW), decide(P, seen, [*history, *more], NOW)
    assert longer.action in (less.action, "hold")


@given(watched, days, histories, st.floats(0, 1))
@SETTINGS
def test_decide__evidently_alone_changes_nothing(
    run: SeriesEvidence, released: float, history: list[Action], share: float
) -> None:
    seen = evidence(run, released_days_ago=released)
    without, told = decide(P, seen, history, NOW), decide(P, seen.model_copy(update={"drifted_share": share}), history, NOW)
    assert (told.action, told.to_version, told.scope) == (without.action, without.to_version, without.scope)


@given(watched, days, histories)
@SETTINGS
def test_decide__always_gives_a_reason_and_the_same_answer_twice(
    run: SeriesEvidence, released: float, history: list[Action]
) -> None:
    seen = Evidence.model_validate_json(evidence(run, released_days_ago=released).model_dump_json())
    verdict = decide(P, seen, history, NOW)
    assert all(verdict.reasons)
    assert verdict.reasons
    assert verdict == decide(P, seen, list(reversed(history)), NOW)


@given(watched, st.floats(0, 2.9))
@SETTINGS
def test_decide__fewer_origins_than_needed_never_retrain(run: SeriesEvidence, released: float) -> None:
    seen = evidence(run, released_days_ago=released)
    since = sum(point.origin >= seen.releases[-1].at for point in run.origins)
    if since < P.min_origins:
        assert decide(P, seen, (), NOW).action in ("hold", "rollback")


def test_decide__origins_before_the_release_do_not_count() -> None:
    seen = evidence(series("xxxxxxxx..", level="A" * 8 + "++"), released_days_ago=2.5)
    assert decide(P, seen, (), NOW).reasons[0].startswith("VIC: 2 origins scored")


def test_decide__thresholds_come_from_the_use_case() -> None:
    seen = evidence(series("..........oooo", level="AAAA"))
    assert decide(P, seen, (), NOW).action == "retrain"
    assert decide(P.model_copy(update={"ratio_near": 1.4}), seen, (), NOW).action == "hold"
    assert decide(P.model_copy(update={"min_origins": 5}), seen, (), NOW).action == "hold"
