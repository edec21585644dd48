"""The example of docs/add-a-use-case.md is a use case that works."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model_code.cases import build_cases, origins_of_history
from model_code.data.refresh import refresh
from model_code.data.sources import make_source
from model_code.installation import Installation
from model_code.series import conditions
from model_code.settings import Settings
from model_code.specification import Candidate
from model_code.training import fit

PAGE = Path(__file__).parent.parent.parent / "docs" / "add-a-use-case.md"
NOW = pd.Timestamp("2024-04-20T05:00Z")


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    """The page's files in a folder of their own, with seven weeks of counts."""
    folder = tmp_path / "usecases" / "ferry"
    (folder / "data").mkdir(parents=True)
    found = re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", PAGE.read_text(), re.S)
    assert [name for name, _ in found] == ["usecase.yaml", "features.py"]
    for name, text in found:
        (folder / name).write_text(text)
    hours = pd.date_range("2024-03-01T00:00Z", NOW, freq="h")
    for number, pier in enumerate(("north", "south")):
        count = 100 * (number + 1) + 50 * np.sin(hours.hour.to_numpy() / 4) + 20 * (hours.dayofweek.to_numpy() >= 5)
        table = pd.DataFrame({"time": hours.map(pd.Timestamp.isoformat), "pier": pier, "passengers": count.round(2)})
        table.to_csv(folder / "data" / f"{pier}.csv", index=False)
    return Installation.open("ferry", Settings(home=tmp_path / "home", usecase_path=str(tmp_path / "usecases")))


def test_page__states_a_use_case_that_refreshes_trains_and_forecasts(place: Installation) -> None:
    usecase = place.usecase
    report = refresh(usecase, "passengers", make_source(usecase, "passengers", place.settings), place.store, NOW.to_pydatetime())
    history = place.history(NOW)
    origins = origins_of_history(usecase, history, NOW)
    cases = build_cases(usecase, history, origins[-20:])

    small = usecase.spec.model_copy(update={"backtest": usecase.spec.backtest.model_copy(update={"min_train": 5})})
    model = fit(type(usecase)(small, usecase.folder), Candidate(family="ridge"), cases, history, NOW, seed=1)
    last = cases.of([origins[-2]])
    error = model.predict(last.features) - last.truth(history.truth(NOW))

    assert (report.quarantined, report.missing) == (0, 0)
    assert len(last) == 48
    assert np.abs(error).max() < 40  # people; the counts swing by 100
    assert usecase.spec.baseline in cases.features.columns


def test_page__states_a_context_that_is_told_afterwards(place: Installation) -> None:
    usecase = place.usecase
    refresh(usecase, "passengers", make_source(usecase, "passengers", place.settings), place.store, NOW.to_pydatetime())
    history = place.history(NOW)

    told = conditions(usecase, history, origins_of_history(usecase, history, NOW)[:7], NOW)

    assert set(told["series"]) == {"north", "south"}
    assert told.groupby("series")["weekend"].sum().to_dict() == {"north": 2.0, "south": 2.0}
