"""Reports of a small real use case: bundle, predictions, truth, Evidently, pages on disk."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from model_code.cases import Cases, build_cases
from model_code.errors import DataError
from model_code.installation import Installation
from model_code.ledger import Entry
from model_code.metrics import CATALOGUE
from model_code.origins import origins_between
from model_code.policy import Verdict
from model_code.predictions import Prediction, prediction_id
from model_code.settings import Settings
from model_code.shift.measure import ColumnShift
from model_code.shift.section import PREDICTION
from model_code.specification import Candidate
from monitoring import judgement
from monitoring.gauges import Gauge, GaugeStore
from monitoring.reports import publish
from monitoring.reports.findings import Findings, find
from monitoring.reports.gauges import EVERY_REPORT, report_gauges
from monitoring.reports.standing import standing_breach
from tests import trained
from tests.services import tiny

NAME = "reported_load"
RULE = "report: {reference_origins: 7, max_rows: 500, keep: 3}\n"
RELEASED = pd.Timestamp("2024-04-08", tz="UTC")
CALM, BAD = (RELEASED + timedelta(days=days, hours=12) for days in (9, 18))
WALL = datetime(2024, 5, 1, tzinfo=UTC)


def answer(place: Installation, bundle: str, start: pd.Timestamp, days: int, wrong_by: float = 1.0) -> None:
    made = place.bundle(bundle)
    cases = build_cases(place.usecase, place.history(start + timedelta(days=days)), origins_of(place, start, days))
    tell(place, bundle, cases, made.predict(cases.features, cases.rows["step"].to_numpy()).value * wrong_by)


def miss(place: Installation, bundle: str, start: pd.Timestamp, days: int, megawatts: float) -> None:
    """Answers that are off by so much, now above and now below: the level stays."""
    later = start + timedelta(days=days + 1)
    cases = build_cases(place.usecase, place.history(later), origins_of(place, start, days))
    sides = np.where(np.arange(len(cases.rows)) % 2, 1.0, -1.0)
    tell(place, bundle, cases, cases.truth(place.history(later).truth(later)) + megawatts * sides)


def tell(place: Installation, bundle: str, cases: Cases, value: NDArray[np.float64]) -> None:
    name = place.usecase.name
    place.predictions.add(
        Prediction(
            prediction_id=prediction_id(f"{row.origin}", row.entity, row.time), request_id=f"{row.origin}", usecase=name,
            entity=row.entity, origin=row.origin, time=row.time, lead_seconds=int((row.time - row.origin).total_seconds()),
            value=value[i], lower=value[i] - 3, upper=value[i] + 3, version="1", bundle=bundle, asked_by="t",
            made_at=row.origin, features_hash="f",
        )
        for i, row in enumerate(cases.rows.itertuples())
    )  # fmt: skip


def origins_of(place: Installation, start: pd.Timestamp, days: int) -> list[pd.Timestamp]:
    return origins_between(place.usecase.spec, start, start + timedelta(days=days))


def released(folder: Path, name: str, mlflow_url: str) -> tuple[Installation, str]:
    """Version 1 is champion from 8 April, nothing was asked of it yet; its bundle."""
    made = trained.installation(folder, name, mlflow_url)
    yaml = folder / "usecases" / name / "usecase.yaml"
    yaml.write_text(yaml.read_text() + RULE)
    opened = Installation.open(name, made.settings)
    version, ref = trained.train(opened)
    entry = Entry(
        intent="promote 1", phase="done", usecase=name, action="promote", actor="t", reason="r", at=RELEASED.to_pydatetime(),
        to_version=version, to_bundle=ref.hash,
    )  # fmt: skip
    opened.ledger.append(entry)
    opened.pointers.move(name, ref.hash, None)
    opened.store.append(name, "load", tiny.load_rows(trained.PRESENT.replace(minute=0), RELEASED + timedelta(days=25)))
    return opened, ref.hash


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, mlflow_url: str) -> Installation:
    """Version 1 answers well for ten days from 8 April, then a fifth too high."""
    opened, bundle = released(tmp_path_factory.mktemp("reported"), NAME, mlflow_url)
    answer(opened, bundle, RELEASED, 10)
    answer(opened, bundle, RELEASED + timedelta(days=10), 10, wrong_by=1.2)
    return opened


@pytest.fixture(scope="module")
def worse(tmp_path_factory: pytest.TempPathFactory, mlflow_url: str) -> Installation:
    """Version 1 answers well for ten days from 8 April, then loses about twice what is expected, at the same level."""
    opened, bundle = released(tmp_path_factory.mktemp("worse"), "worse_load", mlflow_url)
    answer(opened, bundle, RELEASED, 10)
    miss(opened, bundle, RELEASED + timedelta(days=10), 10, megawatts=2.0)
    return opened


@pytest.fixture(scope="module")
def calm(place: Installation) -> Findings:
    return find(place, CALM)


@pytest.fixture(scope="module")
def bad(place: Installation) -> Findings:
    return find(place, BAD)


def shown(place: Installation, found: Findings, now: pd.Timestamp, **asked: bool) -> publish.Record | None:
    seen = judgement.look(place, now, found.drift, evidently_breach=found.breach)
    return publish.report(place, now, found, seen.verdict, seen.evidence, made_at=WALL, **asked)


def empty_archive(place: Installation) -> Path:
    folder = publish.folder_of(place.settings)
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    return folder


def test_find__a_calm_week_is_no_breach(calm: Findings) -> None:
    assert calm.breach is None
    assert calm.scored_origins == 7
    assert calm.quality is not None
    assert calm.quality.values["mae"] == pytest.approx(calm.expected, rel=0.5)
    assert calm.shift is not None
    assert (calm.drift is None, calm.health is None, calm.notes) == (False, False, ())


def test_find__answers_that_got_worse_breach_the_calibrated_limit(bad: Findings) -> None:
    assert bad.breach is not None
    assert "Evidently's mae" in bad.breach
    assert bad.section is not None
    assert bad.section.quality is not None
    assert (bad.ratio or 0) > 3 * bad.section.quality.limit


def prediction(found: Findings) -> ColumnShift:
    assert found.shift is not None
    (column,) = [column for column in found.shift.columns if column.column == PREDICTION]
    return column


def test_find__answers_that_moved_are_told_though_no_feature_did(calm: Findings, bad: Findings) -> None:
    assert prediction(calm).drifted == ()
    assert set(prediction(bad).drifted) >= {"ks", "wasserstein"}
    assert bad.shift is not None
    assert [column.column for column in bad.shift.columns if column.drifted] == [PREDICTION]
    assert (calm.drift is None, bad.drift is None) == (False, False)
    assert {PREDICTION} <= {column.column for column in bad.drift.columns if column.drifted}  # type: ignore[union-attr]


def test_report__its_breach_makes_a_retrain_of_what_would_be_a_hard_spell(worse: Installation) -> None:
    found, policy = find(worse, BAD), worse.usecase.spec.policy
    assert found.breach is not None

    told = judgement.look(worse, BAD, found.drift, evidently_breach=found.breach)
    untold = judgement.look(worse, BAD, found.drift, evidently_breach=None)

    for series in told.evidence.series:
        near = series.origins[-policy.near_origins :]
        assert policy.ratio_breach < min(point.ratio for point in near) <= max(point.ratio for point in near)
        assert max(point.ratio for point in near) < policy.blatant_ratio
    assert told.verdict.action == "retrain"
    assert all(found.breach in reason for reason in told.verdict.reasons[:2])
    assert untold.verdict.action == "hold"
    assert all("a hard spell, not a lasting change" in reason for reason in untold.verdict.reasons)


def test_find__nothing_released_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing was ever released"):
        find(Installation.open("demand_victoria", Settings(home=tmp_path)), CALM)


def test_find__before_any_truth_has_no_quality(place: Installation) -> None:
    found = find(place, RELEASED + timedelta(hours=1))
    assert (found.quality, found.breach, found.ratio) == (None, None, None)
    assert any("quality: 0 rows with truth" in note for note in found.notes)


def test_gauges__are_those_of_the_catalogue(place: Installation, calm: Findings) -> None:
    told = report_gauges(NAME, calm)
    wanted = {metric.name for metric in CATALOGUE if metric.source == "report"}
    judged = calm.shift is not None and calm.shift.judged
    assert {gauge.name for gauge in told} == (wanted if judged else {name for name in wanted if "shift" not in name})
    assert GaugeStore(place.sql).write(NAME, told, WALL) == len(told)


def exported(place: Installation) -> list[Gauge]:
    return [gauge for gauge in GaugeStore(place.sql).read() if gauge.name in EVERY_REPORT]


def by_key(gauges: list[Gauge]) -> list[Gauge]:
    return sorted(gauges, key=lambda gauge: (gauge.name, sorted(gauge.labels.items())))


def test_report__made_on_a_breach_leaves_the_gauges(place: Installation, bad: Findings) -> None:
    empty_archive(place)
    GaugeStore(place.sql).write(NAME, [], WALL, whole=EVERY_REPORT)
    evidence, wanted = judgement.look(place, BAD).evidence, Verdict(action="retrain", reasons=("the world changed",))

    made = publish.report(without_pages(place), BAD, None, wanted, evidence, made_at=WALL)

    assert made is not None
    assert (made.occasion, made.breach) == ("breach", bad.breach)
    assert by_key(exported(place)) == by_key(report_gauges(NAME, bad))


def test_find_and_export__after_a_rollback_nothing_of_the_old_champion_stays(place: Installation) -> None:
    empty_archive(place)
    publish.find_and_export(place, BAD, WALL)
    champion = place.pointers.get(NAME)
    assert champion is not None
    _, before = trained.train(place, [Candidate(family="ridge", parameters={"alpha": 5.0})])
    place.pointers.move(NAME, before.hash, champion.wanted)

    found = publish.find_and_export(place, BAD, WALL)
    place.pointers.move(NAME, champion.wanted, before.hash)

    assert (found.bundle, found.quality, found.drift is None) == (before.hash, None, False)
    assert by_key(exported(place)) == by_key(report_gauges(NAME, found))
    assert not {gauge.name for gauge in exported(place) if gauge.name.startswith("evenkeel_evidently_quality")}


def test_find_if_due__until_a_new_champions_first_report_the_gauges_tell_nothing(place: Installation) -> None:
    empty_archive(place)
    shown(without_pages(place), publish.find_and_export(place, CALM, WALL), CALM)
    champion, too_early = place.pointers.get(NAME), RELEASED + timedelta(days=3)
    assert champion is not None
    assert publish.find_if_due(place, too_early, WALL) is None
    own = exported(place)
    _, retrained = trained.train(place, [Candidate(family="ridge", parameters={"alpha": 5.0})])
    place.pointers.move(NAME, retrained.hash, champion.wanted)

    found = publish.find_if_due(place, too_early, WALL)
    place.pointers.move(NAME, champion.wanted, retrained.hash)

    assert {gauge.name for gauge in own} >= {"evenkeel_evidently_drifted_share", "evenkeel_evidently_quality_ratio"}
    assert (found, exported(place)) == (None, [])


def test_find_and_export__asked_about_the_past_the_gauges_stay_those_of_the_last_report(
    place: Installation, calm: Findings, bad: Findings
) -> None:
    empty_archive(place)
    shown(without_pages(place), publish.find_and_export(place, BAD, WALL), BAD)

    assert publish.find_and_export(place, CALM, WALL) == calm

    assert by_key(exported(place)) == by_key(report_gauges(NAME, bad))


def test_due__once_in_its_time(place: Installation, calm: Findings) -> None:
    empty_archive(place)
    assert not publish.due(place, RELEASED + timedelta(days=3))  # the window holds days of the training
    assert publish.due(place, CALM)
    shown(without_pages(place), calm, CALM)
    assert not publish.due(place, CALM)
    assert not publish.due(place, CALM + timedelta(days=6))
    assert publish.due(place, CALM + timedelta(days=7))
    assert publish.find_if_due(place, CALM, WALL) is None


def test_report__on_schedule_has_pages_record_and_index(place: Installation, calm: Findings) -> None:
    folder = empty_archive(place)
    kept = shown(place, calm, CALM)
    assert kept is not None
    assert (kept.occasion, kept.verdict, set(kept.pages)) == ("schedule", "hold", {"drift", "quality", "data"})
    for name in kept.pages.values():
        page = (folder / NAME / name).read_text()
        assert "../assets/" in page
        assert "verdict hold" in page
    assert {path.name for path in (folder / "assets").iterdir()} == set(kept.assets)
    index = (folder / NAME / "index.html").read_text()
    assert all(name in index for name in kept.pages.values())
    assert f"{NAME}/index.html" in (folder / "index.html").read_text()
    assert publish.links(kept, place.settings)["drift"].endswith(f"/{NAME}/{kept.pages['drift']}")
    assert not list(folder.rglob("*.new"))


def without_pages(place: Installation) -> Installation:
    return Installation.open(NAME, place.settings.model_copy(update={"report_pages": "never"}))


def test_report__the_same_moment_again_is_the_same_report(place: Installation, calm: Findings) -> None:
    empty_archive(place)
    first, second = (shown(without_pages(place), calm, CALM, asked=True) for _ in range(2))
    assert first == second
    assert publish.archive_of(place.settings).records(NAME) == [first]


def test_report__asked_about_a_moment_before_all_that_are_kept_stays_until_the_next(place: Installation, calm: Findings) -> None:
    empty_archive(place)
    archive = publish.archive_of(place.settings)
    first = shown(without_pages(place), calm, CALM)
    assert first is not None
    later = [
        first.model_copy(update={"at": first.at + timedelta(days=day)}) for day in range(1, place.usecase.spec.report.keep + 2)
    ]
    for each in later:
        archive.keep(each, {}, {})

    asked = shown(without_pages(place), calm, CALM, asked=True)

    assert asked in archive.records(NAME)
    newest = replace(calm, at=pd.Timestamp(later[-1].at))
    shown(without_pages(place), newest, newest.at, asked=True)
    assert len(archive.records(NAME)) == place.usecase.spec.report.keep
    assert asked not in archive.records(NAME)


def test_report__on_a_breach_once_a_day(place: Installation, bad: Findings) -> None:
    empty_archive(place)
    seen = judgement.look(place, BAD, bad.drift, evidently_breach=bad.breach)
    wanted = Verdict(action="retrain", reasons=("the world changed",))
    made = [
        publish.report(without_pages(place), BAD + timedelta(hours=hours), None, wanted, seen.evidence, made_at=WALL)
        for hours in (0, 12, 25)
    ]
    assert [None if record is None else record.occasion for record in made] == ["breach", None, "breach"]
    hold = Verdict(action="hold", reasons=("even keel",))
    assert publish.report(place, BAD, None, hold, seen.evidence, made_at=WALL) is None


def test_report__pages_can_be_left_to_breaches(place: Installation, calm: Findings) -> None:
    empty_archive(place)
    quiet = Installation.open(NAME, place.settings.model_copy(update={"report_pages": "breach"}))
    kept = shown(quiet, calm, CALM)
    assert kept is not None
    assert (kept.pages, kept.drift_share is None) == ({}, False)


def test_standing_breach__holds_until_the_next_report(place: Installation, bad: Findings, calm: Findings) -> None:
    empty_archive(place)
    assert standing_breach(place, BAD) is None
    shown(without_pages(place), bad, BAD)
    assert standing_breach(place, BAD + timedelta(days=5)) == bad.breach
    assert judgement.look(place, BAD + timedelta(hours=1)).evidence.evidently_breach == bad.breach
    assert standing_breach(place, BAD - timedelta(days=1)) is None
    assert standing_breach(place, BAD + timedelta(days=30)) is None


def test_find__same_moment_same_numbers(place: Installation, calm: Findings) -> None:
    assert find(place, CALM) == calm
