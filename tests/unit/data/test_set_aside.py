"""Rows set aside are no truth from then on, and nothing is lost."""

from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from model_code.data import aside
from model_code.data.set_aside import Stretch, aside_at, set_aside, take_back
from model_code.evidence import DataFault
from model_code.installation import Installation
from tests.trained import PRESENT, installation

DAY = timedelta(days=1)


@pytest.fixture
def place(tmp_path: Path, usecase: str) -> Installation:
    return installation(tmp_path, usecase, "sqlite:///none.db")


def fault(entity: str | None = None, kind: str = "stuck", days: float = 2) -> DataFault:
    facts = {"kind": kind, "feed": "load", "entity": entity, "column": "load", "since": PRESENT - days * DAY}
    return DataFault.model_validate(facts | {"statistic": 9.0, "threshold": 3.0, "text": "load is stuck"})


def truth(place: Installation, at: object = PRESENT) -> pd.DataFrame:
    return place.history(at).truth(at)  # type: ignore[arg-type]


def marks(place: Installation) -> pd.DataFrame:
    return place.store.quarantined(place.usecase.name, "load")


def test_set_aside__rows_are_no_truth_and_features_go_on_reading_them(place: Installation) -> None:
    before, read = truth(place), place.history(PRESENT).at(PRESENT)["load"]

    marked = set_aside(place.store, place.usecase.name, [fault()], PRESENT)

    after = truth(place)
    assert marked == len(before) - len(after) > 0
    assert after["time"].max() < PRESENT - 2 * DAY
    assert place.history(PRESENT).at(PRESENT)["load"].equals(read)
    assert marks(place)["reason"].str.contains("load is stuck").all()


def test_set_aside__is_known_only_from_when_it_was_done(place: Installation) -> None:
    before = truth(place, PRESENT - DAY)

    set_aside(place.store, place.usecase.name, [fault()], PRESENT)

    assert place.history(PRESENT).truth(PRESENT - DAY).equals(before)


def test_set_aside__of_one_entity_leaves_the_others(place: Installation) -> None:
    entity = sorted(truth(place)["entity"].unique())[0]
    others = truth(place).query("entity != @entity")

    set_aside(place.store, place.usecase.name, [fault(entity)], PRESENT)

    assert set(marks(place)["entity"]) == {entity}
    assert truth(place).query("entity != @entity").reset_index(drop=True).equals(others.reset_index(drop=True))


def test_set_aside__the_same_fault_again_marks_nothing_more(place: Installation) -> None:
    first = set_aside(place.store, place.usecase.name, [fault()], PRESENT)

    again = set_aside(place.store, place.usecase.name, [fault(), fault(days=1)], PRESENT + timedelta(hours=1))

    assert (again, len(marks(place))) == (0, first)


def test_set_aside__what_is_missing_has_no_rows(place: Installation) -> None:
    assert set_aside(place.store, place.usecase.name, [fault(kind="missing")], PRESENT) == 0


def test_set_aside__reaches_back_no_further_than_a_month(place: Installation) -> None:
    set_aside(place.store, place.usecase.name, [fault(days=300)], PRESENT)

    assert marks(place)["time"].min() >= PRESENT - timedelta(days=31)


def test_take_back__the_rows_count_again_and_the_fault_takes_only_others(place: Installation) -> None:
    before, name = truth(place), place.usecase.name
    marked = set_aside(place.store, name, [fault()], PRESENT)

    back = take_back(place.store, name, Stretch("load", PRESENT - 9 * DAY, PRESENT), PRESENT + DAY, "the meter was right")

    assert back == marked
    assert truth(place, PRESENT + DAY).equals(before)
    assert len(aside_at(marks(place), PRESENT)) == marked
    assert set_aside(place.store, name, [fault()], PRESENT + 2 * DAY) == 0
    later = set_aside(place.store, name, [fault(days=3)], PRESENT + 2 * DAY)
    assert later > 0
    assert truth(place, PRESENT + 2 * DAY)["time"].max() == before["time"].max()
    assert len(truth(place, PRESENT + 2 * DAY)) == len(before) - later


def test_take_back__of_one_entity_leaves_the_others_aside(place: Installation) -> None:
    name, (one, *_) = place.usecase.name, sorted(truth(place)["entity"].unique())
    set_aside(place.store, name, [fault()], PRESENT)

    stretch = Stretch("load", PRESENT - 9 * DAY, PRESENT, [one])
    take_back(place.store, name, stretch, PRESENT + DAY, "its meter was right")

    assert set(aside_at(marks(place), PRESENT + DAY)["entity"]) == set(truth(place)["entity"]) - {one}


def test_command__sets_aside_lists_and_takes_back_on_record(
    place: Installation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable, value in place.settings.environment().items():
        monkeypatch.setenv(variable, value)
    name, before, span = place.usecase.name, truth(place), ["--start", "2024-04-05", "--end", "2024-04-06"]
    word = [name, "load", *span, "--why", "the meter was changed", "--actor", "Ada"]

    aside.main(["set-aside", *word])
    without = truth(place)
    aside.main(["list", name, "load"])
    aside.main(["take-back", *word, "--now", (PRESENT + DAY).isoformat()])
    aside.main(["take-back", *word, "--now", (PRESENT + DAY).isoformat()])

    day = before[(before["time"] >= "2024-04-05") & (before["time"] < "2024-04-06")]
    assert len(before) - len(without) == len(day) > 0
    assert truth(place, PRESENT + DAY).equals(before)
    told = capsys.readouterr().out.splitlines()
    assert f"{len(day)} rows" in told[0]
    assert all("the meter was changed" in line for line in told[1:-2])
    assert told[-1].startswith("take-back: load: 0 rows")
    notes = place.ledger.entries(name)
    assert [(note.action, note.actor, note.evidence["rows"]) for note in notes] == [
        ("set aside", "Ada", len(day)),
        ("take back", "Ada", len(day)),
    ]
    place.sql.dispose()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [(["list", "NAME", "lode"], "no feed lode"), (["list", "nothing", "load"], "nothing")],
)
def test_command__says_what_there_is_not(
    place: Installation, monkeypatch: pytest.MonkeyPatch, arguments: list[str], word: str
) -> None:
    for variable, value in place.settings.environment().items():
        monkeypatch.setenv(variable, value)

    with pytest.raises(SystemExit, match=word):
        aside.main([place.usecase.name if each == "NAME" else each for each in arguments])
