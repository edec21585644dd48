"""A bundle made of parts, served by the real process: each row by the part of its entity, on every route."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import pytest

from model_code.bundle import compose
from services.client import ForecastClient
from services.forecaster.dividing import PART_ROWS
from services.forecaster.handler import INLINE_ROWS
from tests.services import tiny
from tests.services.conftest import Served

INFER = f"/v2/models/{tiny.NAME}/infer"
ROWS = [[55.5 + number / 7, 51.25] for number in range(2 * PART_ROWS + 20)]
LEAD = [number % 4 for number in range(len(ROWS))]
ENTITY = [tiny.ENTITIES[number % 3 % 2] for number in range(len(ROWS))]


@dataclass(frozen=True)
class Both:
    """The south is answered by the naive model, all others by the ridge."""

    served: Served
    bundle: str

    def wanted(self, rows: int, field: str) -> list[float]:
        """What the parts say, each for its own rows."""
        matrix, lead = np.array(ROWS[:rows]), np.array(LEAD[:rows])
        south = np.array([name == "south" for name in ENTITY[:rows]])
        place = self.served.place
        ridge, naive = (
            getattr(place.bundle(each).predict_rows(matrix, lead), field) for each in (self.served.ridge, self.served.naive)
        )
        return list(np.where(south, naive, ridge))

    def post(self, path: str, message: Any) -> Any:
        answer = httpx.post(self.served.target.url + path, json=message)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def both(served: Served) -> Iterator[Both]:
    bundles = served.place.bundles
    made = bundles.write(compose(bundles.load(served.ridge), {"south": bundles.load(served.naive)})).hash
    served.point_at(made, served.ridge)
    yield Both(served, made)
    served.point_at(served.ridge)


@pytest.mark.parametrize("rows", [1, 3, INLINE_ROWS + 1, len(ROWS)])
def test_predict__each_row_is_answered_by_the_part_of_its_entity(both: Both, rows: int) -> None:
    told = both.post("/predict", {"rows": ROWS[:rows], "lead": LEAD[:rows], "entity": ENTITY[:rows]})

    assert told["bundle"] == both.bundle
    for field in ("value", "lower", "upper"):
        assert told[field] == pytest.approx(both.wanted(rows, field))


def test_predict__rows_of_nobody_are_answered_by_the_base(both: Both) -> None:
    told = both.post("/predict", {"rows": ROWS[:5], "lead": LEAD[:5]})

    ridge = both.served.place.bundle(both.served.ridge).predict_rows(np.array(ROWS[:5]), np.array(LEAD[:5]))
    assert told["value"] == pytest.approx(ridge.value.tolist())


def test_infer__each_row_is_answered_by_the_part_of_its_entity(both: Both) -> None:
    features = {"name": "features", "datatype": "FP64", "shape": [9, 2], "data": ROWS[:9]}
    lead = {"name": "lead", "datatype": "INT64", "shape": [9], "data": LEAD[:9]}
    entity = {"name": "entity", "datatype": "BYTES", "shape": [9], "data": ENTITY[:9]}

    told = both.post(INFER, {"inputs": [features, lead, entity]})

    assert {each["name"]: each["data"] for each in told["outputs"]}["value"] == pytest.approx(both.wanted(9, "value"))


def test_batch__each_row_is_answered_by_the_part_of_its_entity(both: Both) -> None:
    lines = [f"{row[0]},{row[1]},{lead},{entity}" for row, lead, entity in zip(ROWS, LEAD, ENTITY, strict=True)]
    file = "\n".join(["yesterday,before,lead,entity", *lines])

    answer = httpx.post(
        both.served.target.url + "/batch", content=file, headers={"content-type": "text/csv", "accept": "text/csv"}
    )

    assert answer.status_code == 200, answer.text
    values = [float(line["value"]) for line in csv.DictReader(answer.text.splitlines())]
    assert values == pytest.approx(both.wanted(len(ROWS), "value"))


def test_forecast__of_one_entity_is_its_parts(both: Both) -> None:
    def values() -> dict[str, list[float]]:
        with ForecastClient(both.served.target.url) as client:
            return {name: [each.value for each in client.forecast(entity=name).values] for name in tiny.ENTITIES}

    told = values()
    both.served.point_at(both.served.ridge)
    ridge = values()
    both.served.point_at(both.served.naive)
    naive = values()

    assert told == {"north": pytest.approx(ridge["north"]), "south": pytest.approx(naive["south"])}
    assert ridge["south"] != pytest.approx(naive["south"])
