"""What a family does that others do not; what all of them promise is in `tests/conformance/test_models.py`."""

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model_code.errors import DataError, InvalidRequest
from model_code.models import Task, family_class, make_model
from model_code.models.archive import archive_of, files_of
from model_code.models.xgboost import Xgboost
from tests.model_cases import ROWS, SMALL, TASKS, answering, features_and_target


def test_naive__takes_the_closest_column_where_the_baseline_is_not_known() -> None:
    chance = np.random.default_rng(1)
    target = 100 + chance.normal(size=60)
    features = pd.DataFrame({"far": target - 0.4, "baseline": target, "close": target + 0.1, "useless": target * 0})
    model = make_model("naive", {}, baseline="baseline")
    model.fit(features, target)
    asked = pd.DataFrame([[1, 2, 3, 4], [1, None, 3, 4], [1, None, None, 4], [None, None, None, 4]], dtype=float)
    answer = model.predict(asked.set_axis(features.columns, axis=1))
    np.testing.assert_allclose(answer, [2, 3, 1, target.mean()])


def test_naive__refuses_a_baseline_that_is_no_feature() -> None:
    with pytest.raises(InvalidRequest, match="missing feature last_year"):
        make_model("naive", {}, baseline="last_year").fit(*features_and_target("forecast"))


@pytest.mark.parametrize("task", TASKS)
def test_ridge__answers_like_scikit_learn(task: Task) -> None:
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features, target = features_and_target(task)
    features = features.drop(columns="never_known").fillna(features.median())
    model = make_model("ridge", {"alpha": 2.5}, task=task)
    model.fit(features, target)
    if task == "forecast":
        expected = make_pipeline(StandardScaler(), Ridge(alpha=2.5)).fit(features, target).predict(features)
    else:
        solver = LogisticRegression(C=1 / 2.5, max_iter=1_000)
        expected = make_pipeline(StandardScaler(), solver).fit(features, target).predict_proba(features)[:, 1]
    np.testing.assert_allclose(model.predict(features), expected, rtol=1e-9)


def test_xgboost__seed_matters(tmp_path: Path) -> None:
    features, target = features_and_target("forecast")
    saved = []
    for seed in (1, 2):
        model = make_model("xgboost", SMALL["xgboost"], seed=seed)
        model.fit(features, target)
        saved.append(model.predict(features))
    assert np.abs(saved[0] - saved[1]).max() > 1e-3


@pytest.mark.parametrize("task", TASKS)
def test_xgboost__answers_as_its_own_python_interface_does(task: Task) -> None:
    features, target = features_and_target(task)
    model = make_model("xgboost", SMALL["xgboost"], task=task)
    model.fit(features, target)
    assert isinstance(model, Xgboost)
    matrix = features.to_numpy()
    assert np.isnan(matrix).any()

    for rows in (matrix, matrix[:1], matrix[::3], np.asfortranarray(matrix[:77])):
        wanted = model.booster.inplace_predict(np.ascontiguousarray(rows), missing=np.nan)
        np.testing.assert_array_equal(model.predict_matrix(rows), wanted.astype(np.float64))


def test_xgboost__answers_of_several_threads_are_their_own() -> None:
    features, target = features_and_target("forecast")
    model = make_model("xgboost", SMALL["xgboost"])
    model.fit(features, target)
    parts = np.array_split(features.to_numpy(), 40)
    wanted = [model.predict_matrix(part) for part in parts]

    with ThreadPoolExecutor(4) as pool:
        for found, expected in zip(pool.map(model.predict_matrix, parts * 20), wanted * 20, strict=True):
            np.testing.assert_array_equal(found, expected)


def test_xgboost__loaded_answers_continues_and_saves_as_it_did_before(tmp_path: Path) -> None:
    features, target = features_and_target("forecast")
    model = make_model("xgboost", SMALL["xgboost"])
    model.fit(features, target)
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    model.save(tmp_path / "first")

    loaded = family_class("xgboost").load(tmp_path / "first")

    np.testing.assert_array_equal(loaded.predict(features), model.predict(features))
    assert loaded.to_onnx() == model.to_onnx()
    loaded.save(tmp_path / "second")
    for file in (tmp_path / "first").iterdir():
        assert (tmp_path / "second" / file.name).read_bytes() == file.read_bytes()
    loaded.fit(features, -target)
    np.testing.assert_allclose(loaded.predict(features), -model.predict(features), atol=1e-3 * np.abs(target).max())


def test_xgboost__refuses_rows_of_another_width() -> None:
    features, target = features_and_target("forecast")
    model = make_model("xgboost", SMALL["xgboost"])
    model.fit(features, target)

    with pytest.raises(DataError, match="Number of columns"):
        model.predict_matrix(features.to_numpy()[:, 1:])


@pytest.mark.parametrize("spoilt", ["left_child", "right_child", "feature"])
def test_forest__refuses_trees_that_point_outside(spoilt: str, tmp_path: Path) -> None:
    """Scikit-learn would follow such a node into any memory."""
    answering("forest", "forecast").save(tmp_path)
    files = files_of((tmp_path / "forest.skops").read_bytes())
    name = next(name for name, content in files.items() if b"left_child" in content[:200])
    nodes = np.load(io.BytesIO(files[name]))
    nodes[spoilt][0] = 10_000
    spoilt_file = io.BytesIO()
    np.save(spoilt_file, nodes)
    (tmp_path / "forest.skops").write_bytes(archive_of({**files, name: spoilt_file.getvalue()}))
    with pytest.raises(DataError, match="do not fit together"):
        family_class("forest").load(tmp_path)


@pytest.mark.parametrize(("family", "file"), [("forest", "forest.skops"), ("lightgbm", "booster.txt")])
def test_model__refuses_a_file_that_is_not_its_own(family: str, file: str, tmp_path: Path) -> None:
    answering(family, "forecast").save(tmp_path)
    (tmp_path / file).write_text("something else")
    with pytest.raises((DataError, ValueError)):
        family_class(family).load(tmp_path)


def test_forest__refuses_types_that_are_not_listed(tmp_path: Path) -> None:
    import skops.io
    from sklearn.tree import DecisionTreeRegressor

    answering("forest", "forecast").save(tmp_path)
    (tmp_path / "forest.skops").write_bytes(skops.io.dumps(DecisionTreeRegressor()))
    with pytest.raises(DataError, match="holds a DecisionTreeRegressor"):
        family_class("forest").load(tmp_path)
    (tmp_path / "forest.skops").write_bytes(skops.io.dumps(ROWS.bit_length))
    with pytest.raises((DataError, TypeError, ValueError)):
        family_class("forest").load(tmp_path)


def test_lstm__reads_the_named_columns_as_a_sequence(tmp_path: Path) -> None:
    features, target = features_and_target("forecast")
    order = ("yesterday", "last_week")
    model = make_model("lstm", SMALL["lstm"] | {"sequence": order}, seed=3)
    model.fit(features, target)
    model.save(tmp_path)
    np.testing.assert_array_equal(family_class("lstm").load(tmp_path).predict(features), model.predict(features))
    assert np.mean((model.predict(features) - target) ** 2) < 0.7 * target.var()
    other = make_model("lstm", SMALL["lstm"] | {"sequence": order[::-1]}, seed=3)
    other.fit(features, target)
    assert np.abs(other.predict(features) - model.predict(features)).max() > 1e-6


@pytest.mark.parametrize(("sequence", "told"), [(["gone"], "unknown feature gone"), (["flag", "flag"], "doubled feature flag")])
def test_lstm__refuses_a_sequence_of_other_columns(sequence: list[str], told: str) -> None:
    with pytest.raises(InvalidRequest, match=told):
        make_model("lstm", {"sequence": sequence}).fit(*features_and_target("forecast"))
