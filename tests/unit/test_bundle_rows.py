"""Rows of numbers, as a service asks them: the short path for one row and the one for many are the same answers."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_code.bundle import Bundle, load_bundle, write_bundle
from model_code.calibration import Bounds, Calibration
from model_code.errors import BundleError, InvalidRequest
from model_code.models import Task
from model_code.specification import Interval
from tests.bundle_cases import little_contents, little_data

TASKS: tuple[Task, ...] = ("forecast", "classification")


def little_bundle(folder: Path, family: str = "ridge", task: Task = "forecast", **changed: Any) -> Bundle:
    return load_bundle(folder, write_bundle(folder, little_contents(folder, family, task, **changed)).hash)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("family", ["naive", "ridge", "xgboost"])
def test_predict_rows__one_row_and_many_and_a_frame_agree(family: str, task: Task, tmp_path: Path) -> None:
    bundle = little_bundle(tmp_path, family, task)
    features, _, lead = little_data(task)
    matrix = features.to_numpy(float)
    framed, many = bundle.predict(features, lead), bundle.predict_rows(matrix, lead)
    alone = [bundle.predict_rows(matrix[row : row + 1], lead[row : row + 1]) for row in range(len(matrix))]
    for name in ("value", "lower", "upper"):
        np.testing.assert_array_equal(getattr(many, name), getattr(framed, name))
        singly = np.concatenate([getattr(each, name) for each in alone])
        np.testing.assert_allclose(singly, getattr(many, name), rtol=1e-6)
        assert singly.dtype == np.float64


@pytest.mark.parametrize("spread", ["absolute", "relative"])
def test_bounds__of_one_equals_of_many(spread: str) -> None:
    chance = np.random.default_rng(3)
    value, lead = 1 + 9 * chance.random(600), np.arange(600) % 12
    residual = chance.normal(size=600) * (value if spread == "relative" else 1)
    calibration = Calibration.fit(Interval(group_steps=4), lead, residual, value)
    assert (calibration.smallest_value is None) == (spread == "absolute")
    value[:3], lead[:3] = -2, 40  # below the smallest value, beyond the last group
    lower, upper = Bounds(calibration).of_many(value, lead)
    one = [Bounds(calibration).of_one(float(v), int(step)) for v, step in zip(value, lead, strict=True)]
    np.testing.assert_array_equal(np.array(one), np.column_stack([lower, upper]))
    with pytest.raises(InvalidRequest, match="lead time of -1"):
        Bounds(calibration).of_one(1.0, -1)


def test_predict_rows__lead_may_be_left_out_where_it_makes_no_difference(tmp_path: Path) -> None:
    sure = little_bundle(tmp_path / "class", task="classification")
    np.testing.assert_array_equal(
        sure.predict_rows(np.array([[0.5, 3.0]])).value, sure.predict_rows(np.array([[0.5, 3.0]]), np.array([4])).value
    )
    with pytest.raises(InvalidRequest, match="without their lead time"):
        little_bundle(tmp_path / "forecast").predict_rows(np.array([[5.0, 3.0]]))


@pytest.mark.parametrize("rows", [1, 3], ids=["one", "many"])
@pytest.mark.parametrize(
    ("matrix", "lead", "told"),
    [
        pytest.param([[5.0]], [0], "of shape", id="columns"),
        pytest.param([[5, 3]], [0], "int64", id="whole-numbers"),
        pytest.param([[np.inf, 3.0]], [0], "too large: feature yesterday", id="infinite"),
        pytest.param([[5.0, -4e38]], [0], "too large: feature hour", id="beyond-single-precision"),
        pytest.param([[5.0, 3.0]], [6], "steps are 0 to 5", id="after"),
        pytest.param([[5.0, 3.0]], [-1], "steps are 0 to 5", id="before"),
        pytest.param([[5.0, 3.0]], [0.0], "whole numbers", id="fraction"),
        pytest.param([[5.0, 3.0]], [True], "whole numbers", id="truth-value"),
        pytest.param([[5.0, 3.0]], [0, 0], "whole numbers", id="length"),
    ],
)
def test_predict_rows__refuses_wrong_requests(matrix: Any, lead: Any, told: str, rows: int, tmp_path: Path) -> None:
    bundle = little_bundle(tmp_path)
    with pytest.raises(InvalidRequest, match=told):
        bundle.predict_rows(np.array(matrix * rows), np.array(lead * rows))


@pytest.mark.parametrize("rows", [1, 3], ids=["one", "many"])
@pytest.mark.parametrize(
    ("task", "answer", "told"),
    [
        ("forecast", np.nan, "missing or infinite"),
        ("forecast", np.inf, "missing or infinite"),
        ("classification", 1.5, "no probability"),
        ("classification", -0.1, "no probability"),
    ],
)
def test_predict_rows__refuses_what_is_no_answer(task: Task, answer: float, told: str, rows: int, tmp_path: Path) -> None:
    bundle = little_bundle(tmp_path, "naive", task)
    bundle.model.predict_matrix = lambda matrix: np.full(len(matrix), answer)  # type: ignore[method-assign]
    with pytest.raises(BundleError, match=told):
        bundle.predict_rows(np.full((rows, 2), 0.5), np.zeros(rows, dtype=int))


def test_predict_rows__no_rows_get_no_answers(tmp_path: Path) -> None:
    assert little_bundle(tmp_path).predict_rows(np.empty((0, 2)), np.empty(0, dtype=int)).value.shape == (0,)


HEAVY = {"pandas", "scipy", "sklearn", "pyarrow", "xgboost", "lightgbm", "sqlalchemy", "optuna", "mlflow", "prefect"}
HEAVY |= {"bentoml", "evidently", "deltalake", "onnx", "onnxruntime", "keras", "jax", "skops"}
ONLY = {"onnxruntime"}


@pytest.mark.parametrize(
    ("family", "allowed"), [("naive", set()), ("ridge", set()), ("xgboost", ONLY), ("lightgbm", ONLY), ("forest", ONLY)]
)
def test_predict_rows__imports_no_library_that_is_not_needed(family: str, allowed: set[str], tmp_path: Path) -> None:
    ref = write_bundle(tmp_path, little_contents(tmp_path, family))
    script = (
        "import sys, json; from pathlib import Path; import numpy; from model_code.bundle import load_bundle;"
        f"bundle = load_bundle(Path({str(tmp_path)!r}), {ref.hash!r});"
        "bundle.predict_rows(numpy.array([[5.0, numpy.nan]]), numpy.array([1])); print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True)
    assert HEAVY & set(json.loads(done.stdout)) <= allowed


def test_predict_rows__many_rows_of_xgboost_need_its_library_and_not_its_package(tmp_path: Path) -> None:
    ref = write_bundle(tmp_path, little_contents(tmp_path, "xgboost"))
    script = (
        "import sys, json; from pathlib import Path; import numpy; from model_code.bundle import load_bundle;"
        f"bundle = load_bundle(Path({str(tmp_path)!r}), {ref.hash!r});"
        "bundle.predict_rows(numpy.full((100, 2), 5.0), numpy.zeros(100, int)); assert bundle.engine.native_is_loaded;"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True)
    assert HEAVY & set(json.loads(done.stdout)) <= ONLY
