"""A use case of another kind, made in a folder: a classifier whose labels come late goes through the whole loop."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flows.drill.answers import answer
from flows.drill.memory import Remembered
from flows.drill.opening import promote, refresh_all
from model_code.cases import build_cases
from model_code.challenger import bundle_of, evaluate, register
from model_code.data.known import KnownHistory
from model_code.errors import ConfigurationError, TooLittleData
from model_code.installation import Installation
from model_code.replay import replay
from model_code.retraining import Retrained
from model_code.settings import Settings
from model_code.study import run_study, searched_candidates
from model_code.usecase import read_spec
from monitoring import acting
from monitoring.judgement import Judgement, look
from monitoring.readings import readings
from services.client import ForecastClient
from services.forecaster.messages import ForecastAnswer
from services.rollout.local.service import LocalService
from tests.conftest import free_port
from tests.loop import machines

BEGIN, BAD, END = 100, 130, 150
REPLACED = BEGIN + 5
LABELS_LATE = 8


def moment(day: int) -> pd.Timestamp:
    return pd.Timestamp(machines.FIRST + day * machines.DAY)


def released(place: Installation, history: KnownHistory, day: int, reason: str, *, force: bool = False) -> str:
    """Train on that history and promote; the version."""
    seed = place.usecase.spec.seed
    evaluated = evaluate(place.usecase, history, moment(day), searched_candidates(place), seed=seed)
    version = register(place, bundle_of(place, history, moment(day), evaluated, seed=seed), evaluated)
    promote(place, moment(day), version, reason, force=force)
    return version


def opened(folder: Path, kind: type[Installation] = Installation, *, known_until: int = BEGIN, **world: int) -> Installation:
    """The use case with its first model, at day BEGIN."""
    machines.write_usecase(folder / "usecases", **world)
    settings = Settings(
        home=folder / "home",
        usecase_path=str(folder / "usecases"),
        usecase=machines.NAME,
        service_port=free_port(),
        keep="store",  # an answer is in the store once it is given: the looks of this story come right after
    )
    place = kind.open(machines.NAME, settings)
    refresh_all(place, moment(known_until))
    run_study(place, moment(BEGIN))
    released(place, place.history(moment(BEGIN)), BEGIN, "first model")
    return place


class Flipped(KnownHistory):
    """The history with its labels the wrong way round."""

    def truth(self, at: datetime) -> pd.DataFrame:
        told = super().truth(at)
        return told.assign(value=1 - told["value"])


@dataclass
class Story:
    """What happened."""

    place: Installation
    answers: dict[int, ForecastAnswer] = field(default_factory=dict)
    looks: dict[str, Judgement] = field(default_factory=dict)
    served: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """A month with a good model, then a release with labels the wrong way round; a real service answers."""
    told = Story(opened(tmp_path_factory.mktemp("classifier")))
    place, target = told.place, LocalService(told.place.settings)
    try:
        told.served.append(str(target.deploy(place.usecase).version))
        with ForecastClient(target.url) as client:
            _month(told, client, BEGIN, BAD)
            told.looks["before any label"] = look(place, moment(BEGIN + 3))
            told.looks["calm"] = look(place, moment(BAD))
            flipped = Flipped.load(place.usecase, place.store, moment(BAD))
            released(place, flipped, BAD, "wanted today", force=True)
            told.served.append(str(target.deploy(place.usecase).version))
            _month(told, client, BAD, END)
            told.looks["too early"] = look(place, moment(BAD + LABELS_LATE))
            done = acting.roll_back(place, moment(END), acting.Request("evenkeel", "breach"))
            told.looks["bad release"] = done.seen
            told.served.append(str(target.deploy(place.usecase).version))
        yield told
    finally:
        target.stop()


def _month(story: Story, client: ForecastClient, begin: int, end: int) -> None:
    """Readings come in every ten days; every day is asked about."""
    for first in range(begin, end, 10):
        refresh_all(story.place, moment(first + 10))
        for day in range(first, first + 10):
            story.answers[day] = client.forecast(origin=moment(day).to_pydatetime(), asked_by="forecast")


def test_service__answers_probabilities_for_whoever_is_there(story: Story) -> None:
    first, last = story.answers[BEGIN], story.answers[END - 1]
    assert {value.entity for value in last.values} == {value.entity for value in first.values} - {machines.RETIRED} | {
        machines.NEWCOMER
    }
    for day, told in story.answers.items():
        values = np.array([value.value for value in told.values])
        assert (values >= 0).all()
        assert (values <= 1).all()
        assert values.std() > 0.05
        assert all(value.lower is None and value.upper is None for value in told.values)
        assert {value.time for value in told.values} == {moment(day)}


def test_look__holds_while_no_label_can_have_come(story: Story) -> None:
    verdict = story.looks["before any label"].verdict
    assert verdict.action == "hold"
    assert "no origin scored yet" in verdict.reasons[0]


def test_look__holds_with_a_good_model(story: Story) -> None:
    seen = story.looks["calm"]
    (series,) = seen.evidence.series
    assert (seen.verdict.action, seen.verdict.side_effects) == ("hold", ())
    assert [point.origin for point in series.origins] == [moment(day) for day in range(BEGIN, BAD - LABELS_LATE + 1)]
    assert series.name == "all"
    assert 0.5 < np.mean([point.ratio for point in series.origins]) < 1.3


def test_look__tells_no_coverage_where_there_are_no_intervals(story: Story) -> None:
    seen = story.looks["calm"]
    names = {gauge.name for gauge in readings(seen.evidence, seen.evidence.at)}
    assert seen.evidence.coverage_objective is None
    assert all(point.coverage is None for series in seen.evidence.series for point in series.origins)
    assert "evenkeel_loss_ratio" in names
    assert "evenkeel_coverage" not in names


def test_look__counts_the_loss_of_what_was_answered(story: Story) -> None:
    (series,) = story.looks["calm"].evidence.series
    _, failures = machines.fleet(machines.DAYS + 8)
    truth = failures.set_index(["machine", "day"])["failed"]
    for point in series.origins:
        told = story.answers[(point.origin - machines.FIRST).days]
        errors = [value.value - truth[value.entity, moment(0) + (point.origin - machines.FIRST)] for value in told.values]
        assert point.loss == pytest.approx(np.mean(np.square(errors)))


def test_look__waits_for_the_labels_of_a_new_release(story: Story) -> None:
    assert story.looks["too early"].verdict.action == "hold"


def test_roll_back__leaves_a_release_with_labels_the_wrong_way_round(story: Story) -> None:
    verdict = story.looks["bad release"].verdict
    assert (verdict.action, verdict.to_version) == ("rollback", "1")
    assert story.served == ["1", "2", "1"]
    assert story.place.registry.version_of(machines.NAME, "champion") == "1"


@dataclass
class Replaced:
    """What happened after the sensors were replaced."""

    place: Installation
    retrained: list[acting.Acted[Retrained]] = field(default_factory=list)


@pytest.fixture(scope="module")
def replaced(tmp_path_factory: pytest.TempPathFactory) -> Replaced:
    """Five days after the first release every sensor tells 6 mm/s more; a look every fourth day."""
    folder = tmp_path_factory.mktemp("replaced")
    told = Replaced(opened(folder, Remembered, known_until=machines.DAYS, sensors_replaced=REPLACED))
    for day in range(BEGIN, machines.DAYS, 4):
        _ask(told.place, range(day, day + 4))
        now = moment(day + 4)
        if look(told.place, now).verdict.action != "hold":
            told.retrained.append(acting.retrain(told.place, now, acting.Request("evenkeel", "breach")))
    return told


def _ask(place: Installation, days: range) -> None:
    pointer, version = place.pointers.get(machines.NAME), place.registry.version_of(machines.NAME, "champion")
    assert pointer is not None
    for day in days:
        place.predictions.add(answer(place, place.bundle(pointer.wanted), str(version), moment(day), moment(day)))


def test_retrain__once_follows_replaced_sensors(replaced: Replaced) -> None:
    (done,) = replaced.retrained
    assert done.seen.verdict.action == "retrain"
    assert done.entry is not None
    assert (done.entry.from_version, done.entry.to_version) == ("1", "2")
    assert done.seen.verdict.since == moment(REPLACED)
    assert done.entry.at <= moment(REPLACED + LABELS_LATE + 8)


def test_retrain__uses_no_label_that_was_not_known(replaced: Replaced) -> None:
    (done,) = replaced.retrained
    assert done.made is not None
    losses, judged_at = done.made.losses, (pd.Timestamp(done.seen.evidence.at) - machines.FIRST).days
    assert list(losses["origin"]) == [moment(day) for day in range(REPLACED, judged_at - LABELS_LATE + 1)]
    ages = [max(0, (origin - moment(REPLACED)).days - LABELS_LATE + 1) for origin in losses["origin"]]
    assert list(losses["told"]) == ages
    assert losses["leader"][losses["told"] == 0].nunique() == 1


def test_retrain__the_new_version_is_better_on_what_came_after(replaced: Replaced) -> None:
    (done,) = replaced.retrained
    assert done.entry is not None
    later = [moment(day) for day in range((done.entry.at - machines.FIRST).days, machines.DAYS - LABELS_LATE)]
    place, losses = replaced.place, {}
    truth = place.history(moment(machines.DAYS)).truth(moment(machines.DAYS))
    for version in ("1", "2"):
        bundle = place.bundle(place.registry.bundle_of(machines.NAME, version))
        scored = replay(bundle, build_cases(bundle.usecase, place.history(moment(machines.DAYS)), later), truth)
        losses[version] = ((scored["value"] - scored["truth"]) ** 2).mean()
    assert losses["2"] < 0.3 * losses["1"]


def test_usecase__a_policy_that_does_not_wait_for_the_labels_is_refused(tmp_path: Path) -> None:
    folder = machines.write_usecase(tmp_path)
    (folder / "usecase.yaml").write_text(machines.SPEC.replace("max_evidence_age: P12D", "max_evidence_age: P8D"))
    with pytest.raises(ConfigurationError, match="max_evidence_age must be at least 9 days"):
        read_spec(folder / "usecase.yaml")


def test_history__says_that_no_label_is_known_yet(story: Story) -> None:
    early = KnownHistory.load(story.place.usecase, story.place.store, moment(2))
    with pytest.raises(TooLittleData, match="nothing is known of the feed failures"):
        early.first_time()


def test_look__reads_bundles_through_their_own_feature_code(tmp_path: Path) -> None:
    place = opened(tmp_path)
    refresh_all(place, moment(BEGIN + 20))
    _ask(place, range(BEGIN, BEGIN + 20))
    before = look(place, moment(BEGIN + 20))
    features = place.usecase.folder / "features.py"
    features.write_text(features.read_text().replace("_rise", "_slope"))
    renewed = Installation.open(machines.NAME, place.settings)
    released(renewed, renewed.history(moment(BEGIN + 20)), BEGIN + 20, "new features", force=True)
    refresh_all(renewed, moment(BEGIN + 40))
    _ask(renewed, range(BEGIN + 20, BEGIN + 40))
    seen = look(renewed, moment(BEGIN + 40))
    assert (before.verdict.action, seen.verdict.action) == ("hold", "hold")
    assert all(point.previous_loss is not None for point in seen.evidence.series[0].origins)
