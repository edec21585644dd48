"""Every model family keeps the same promises; adding a family to FAMILIES puts it to this test."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from model_code.bundle.exactness import TOLERANCE, difference
from model_code.bundle.onnx_model import OnnxModel
from model_code.errors import ConfigurationError, DataError, InvalidRequest, TooLittleData
from model_code.models import FAMILIES, Model, Task, family_class, make_model
from tests.model_cases import EVERY, ONNX, ROWS, SMALL, TASKS, TREES, answering, features_and_target, fitted, saved_bytes


@pytest.mark.parametrize(("family", "task"), EVERY)
def test_model__answers_with_one_finite_number_a_row(family: str, task: Task) -> None:
    features, _ = features_and_target(task)
    answer = answering(family, task).predict(features)
    assert answer.shape == (ROWS,)
    assert answer.dtype == np.float64
    assert np.isfinite(answer).all()
    if task == "classification":
        assert answer.min() >= 0
        assert answer.max() <= 1


@pytest.mark.parametrize(("family", "task"), EVERY)
def test_model__learns_better_than_the_mean(family: str, task: Task) -> None:
    features, target = features_and_target(task)
    if family == "naive":  # it does not learn: give it a baseline that is worth something
        features["last_week"] = features["yesterday"].fillna(0) + 5 if task == "forecast" else (features["yesterday"] > 0) * 1.0
    model = make_model(family, SMALL.get(family, {}), task=task, baseline="last_week", seed=3)
    model.fit(features, target)
    error = np.mean((model.predict(features) - target) ** 2)
    assert error < 0.7 * target.var()


@pytest.mark.parametrize(("family", "task"), EVERY)
def test_model__loaded_gives_the_same_answers(family: str, task: Task, tmp_path: Path) -> None:
    features, _ = features_and_target(task)
    model = answering(family, task)
    model.save(tmp_path)
    loaded = family_class(family).load(tmp_path)
    np.testing.assert_array_equal(loaded.predict(features), model.predict(features))
    assert loaded.parameters == model.parameters
    assert loaded.columns == model.columns == tuple(features.columns)


@pytest.mark.parametrize(("family", "task"), EVERY)
def test_model__fitted_twice_saves_the_same_bytes(family: str, task: Task, tmp_path: Path) -> None:
    first = saved_bytes(fitted(family, task), tmp_path / "first")
    again = fitted(family, task)
    again.fit(*features_and_target(task))
    assert saved_bytes(again, tmp_path / "again") == first
    assert saved_bytes(family_class(family).load(tmp_path / "first"), tmp_path / "loaded") == first


@pytest.mark.parametrize(("family", "task"), EVERY)
def test_model__other_data_save_other_bytes(family: str, task: Task, tmp_path: Path) -> None:
    other = make_model(family, SMALL.get(family, {}), task=task, baseline="last_week", seed=3)
    features, target = features_and_target(task)
    other.fit(features, target[::-1].copy() if family != "naive" else 1 - target.round().clip(0, 1))
    assert saved_bytes(other, tmp_path / "other") != saved_bytes(answering(family, task), tmp_path / "one")


@pytest.mark.parametrize(("family", "task"), EVERY)
def test_model__row_alone_equals_the_row_among_many(family: str, task: Task) -> None:
    features, _ = features_and_target(task)
    model = answering(family, task)
    alone = [model.predict(features.iloc[[row]])[0] for row in range(40)]
    np.testing.assert_array_equal(alone, model.predict(features)[:40])


@pytest.mark.parametrize(("family", "task"), EVERY)
def test_model__answers_rows_of_numbers_as_it_answers_a_frame(family: str, task: Task) -> None:
    features, _ = features_and_target(task)
    model = answering(family, task)
    matrix = features.to_numpy(float)
    answer = model.predict_matrix(matrix)
    assert answer.dtype == np.float64
    np.testing.assert_array_equal(answer, model.predict(features))
    for same in (np.asfortranarray(matrix), np.repeat(matrix, 2, axis=0)[::2]):  # however it lies in memory
        np.testing.assert_array_equal(model.predict_matrix(same), answer)


@pytest.mark.parametrize(("family", "task"), EVERY)
def test_model__onnx_answers_alike(family: str, task: Task) -> None:
    model = answering(family, task)
    content = model.to_onnx()
    assert (content is not None) == (family in ONNX)
    if content is None:
        return
    assert fitted(family, task).to_onnx() == content
    features, _ = features_and_target(task)
    onnx = OnnxModel(content, len(model.columns), model.onnx_call_rows)
    chance = np.random.default_rng(5)
    rows = np.concatenate([features.to_numpy(float), chance.normal(scale=3, size=(500, 5)), np.full((1, 5), np.nan)])
    rows[chance.random(rows.shape) < 0.1] = np.nan
    assert difference(model.predict_matrix(rows), onnx.predict_matrix(rows)) <= TOLERANCE
    alone = [onnx.predict_matrix(rows[row : row + 1])[0] for row in range(60)]
    np.testing.assert_allclose(alone, onnx.predict_matrix(rows)[:60], rtol=1e-6)


@pytest.mark.parametrize("family", sorted(TREES))
def test_model__onnx_goes_the_same_way_at_every_threshold(family: str) -> None:
    """The values that decide: midway between two training values, and the next numbers in either precision."""
    levels = np.array([0.1, 0.3, 0.7, 1.1, 1.3, 2.9])
    features = pd.DataFrame({"level": np.tile(levels, 40)})
    target = np.tile([1.0, 5.0, 2.0, 8.0, 3.0, 7.0], 40)
    model = make_model(family, SMALL.get(family, {}) | TREES[family], seed=3)
    model.fit(features, target)
    at = np.concatenate([levels, (levels[1:] + levels[:-1]) / 2])
    at = np.concatenate([at, at.astype(np.float32), np.nextafter(at.astype(np.float32), np.float32(9))])
    rows = np.concatenate([at, np.nextafter(at, 9), np.nextafter(at, -9)])[:, None]
    answer = model.predict_matrix(rows)
    assert len(np.unique(answer.round(3))) >= 5
    content = model.to_onnx()
    assert content is not None
    np.testing.assert_allclose(OnnxModel(content, 1).predict_matrix(rows), answer, rtol=1e-6)


@pytest.mark.parametrize(("family", "task"), EVERY)
def test_model__learns_on_from_a_model_or_says_that_it_cannot(family: str, task: Task, tmp_path: Path) -> None:
    previous = answering(family, task)
    features, target = features_and_target(task, seed=8)
    before = previous.predict(features)

    def continued() -> Model:
        model = make_model(family, SMALL.get(family, {}), task=task, baseline="last_week", seed=4)
        model.fit_on(previous, features, target)
        return model

    if not previous.can_continue:
        with pytest.raises(ConfigurationError, match=f"{family} cannot learn on"):
            continued()
        return
    one, afresh = continued(), fitted(family, task)
    afresh.fit(features, target)
    np.testing.assert_array_equal(previous.predict(features), before)
    assert saved_bytes(continued(), tmp_path / "again") == saved_bytes(one, tmp_path / "one")
    loss = {name: np.mean((model.predict(features) - target) ** 2) for name, model in (("on", one), ("old", previous))}
    assert loss["on"] < loss["old"]
    assert np.abs(one.predict(features) - afresh.predict(features)).max() > 0
    with pytest.raises(DataError, match="other columns"):
        make_model(family, SMALL.get(family, {}), task=task).fit_on(previous, features.rename(columns={"flag": "Flag"}), target)


@pytest.mark.parametrize(("family", "task"), EVERY)
def test_model__no_rows_get_no_answers(family: str, task: Task) -> None:
    features, _ = features_and_target(task)
    assert answering(family, task).predict(features.iloc[:0]).shape == (0,)


@pytest.mark.parametrize(("family", "task"), EVERY)
def test_model__puts_reordered_columns_in_order(family: str, task: Task) -> None:
    features, _ = features_and_target(task)
    model = answering(family, task)
    np.testing.assert_array_equal(model.predict(features[features.columns[::-1]]), model.predict(features))


@pytest.mark.parametrize(("family", "task"), EVERY)
@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        pytest.param(lambda f: f.drop(columns="yesterday"), "missing feature yesterday", id="missing"),
        pytest.param(lambda f: f.assign(surprise=1.0), "unknown feature surprise", id="unknown"),
        pytest.param(lambda f: f.rename(columns={"flag": "Flag"}), "missing feature flag; unknown feature Flag", id="renamed"),
        pytest.param(lambda f: pd.concat([f, f[["flag"]]], axis=1), "doubled feature flag", id="doubled"),
        pytest.param(lambda f: f.assign(flag="high"), "not a number", id="text"),
        pytest.param(lambda f: f.assign(flag=np.inf), "too large: feature flag", id="infinite"),
        pytest.param(lambda f: f.assign(yesterday=-1e39), "too large: feature yesterday", id="beyond-single-precision"),
    ],
)
def test_model__refuses_wrong_features(family: str, task: Task, spoil: Any, told: str) -> None:
    features, _ = features_and_target(task)
    with pytest.raises(InvalidRequest, match=told):
        answering(family, task).predict(spoil(features))


@pytest.mark.parametrize(("family", "task"), EVERY)
@pytest.mark.parametrize("unknown", ["each", "all"])
def test_model__answers_where_features_are_not_known(family: str, task: Task, unknown: str) -> None:
    features, target = features_and_target(task)
    rows = features.iloc[: len(features.columns)].copy()
    for row, name in enumerate(features.columns):
        rows.loc[row, name if unknown == "each" else list(features.columns)] = np.nan
    answer = answering(family, task).predict(rows)
    assert np.isfinite(answer).all()
    assert answer.min() >= min(target.min(), features["last_week"].min()) - 1
    assert answer.max() <= target.max() + 1


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("family", FAMILIES)
def test_model__weights_matter(family: str, task: Task) -> None:
    features = pd.DataFrame({"same": np.zeros(ROWS)})
    target = np.repeat([0.0, 1.0], ROWS // 2)
    answers = {}
    for heavy in (0, 1):
        weight = np.where(target == heavy, 9.0, 1.0)
        model = make_model(family, SMALL.get(family, {}), task=task, seed=3)
        model.fit(features, target, weight)
        answers[heavy] = model.predict(features)[0]
    assert answers[1] - answers[0] > 0.5


@pytest.mark.parametrize(("family", "task"), EVERY)
def test_model__only_proportions_of_weights_matter(family: str, task: Task) -> None:
    features, _ = features_and_target(task)
    weight = np.linspace(0.5, 2, ROWS)
    light, heavy = fitted(family, task, weight=weight), fitted(family, task, weight=weight * 1024)
    np.testing.assert_array_equal(light.predict(features), heavy.predict(features))


@pytest.mark.parametrize(("family", "task"), EVERY)
@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        pytest.param(lambda f, t: (f, np.append(t[:-1], np.nan), None), DataError, id="target-nan"),
        pytest.param(lambda f, t: (f, t[:-1], None), DataError, id="target-short"),
        pytest.param(lambda f, t: (f, t, -np.ones(len(t))), DataError, id="weight-negative"),
        pytest.param(lambda f, t: (f, t, np.zeros(len(t))), DataError, id="weight-zero"),
        pytest.param(lambda f, t: (f, t, np.full(len(t), np.nan)), DataError, id="weight-nan"),
        pytest.param(lambda f, t: (f.iloc[:0], t[:0], None), TooLittleData, id="no-rows"),
        pytest.param(lambda f, t: (f.assign(flag=np.inf), t, None), InvalidRequest, id="feature-infinite"),
        pytest.param(lambda f, t: (pd.concat([f, f[["flag"]]], axis=1), t, None), InvalidRequest, id="feature-doubled"),
    ],
)
def test_model__refuses_to_learn_from_wrong_data(family: str, task: Task, spoil: Any, error: type[Exception]) -> None:
    features, target, weight = spoil(*features_and_target(task))
    model = make_model(family, SMALL.get(family, {}), task=task, baseline="last_week", seed=3)
    with pytest.raises(error):
        model.fit(features, target, weight)


@pytest.mark.parametrize("family", FAMILIES)
def test_model__classification_refuses_a_target_that_is_no_class(family: str) -> None:
    features, target = features_and_target("forecast")
    with pytest.raises(DataError, match="not only 0 and 1"):
        make_model(family, {}, task="classification", baseline="last_week").fit(features, target)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("label", [0.0, 1.0])
def test_model__classification_learns_from_a_single_class(family: str, label: float) -> None:
    features, _ = features_and_target("classification")
    model = make_model(family, SMALL.get(family, {}), task="classification", seed=3)
    model.fit(features, np.full(ROWS, label))
    assert np.abs(model.predict(features) - label).max() < 0.05


@pytest.mark.parametrize(("family", "task"), EVERY)
def test_model__learns_from_a_single_row(family: str, task: Task) -> None:
    features, target = features_and_target(task)
    model = make_model(family, SMALL.get(family, {}), task=task, seed=3)
    model.fit(features.iloc[:1], target[:1])
    assert np.isfinite(model.predict(features)).all()


@pytest.mark.parametrize(("family", "task"), EVERY)
def test_model__unfitted_refuses_to_answer_or_be_saved(family: str, task: Task, tmp_path: Path) -> None:
    features, _ = features_and_target(task)
    model = make_model(family, {}, task=task)
    with pytest.raises(DataError, match="not fitted"):
        model.predict(features)
    with pytest.raises(DataError, match="not fitted"):
        model.save(tmp_path)
    with pytest.raises(DataError, match="not fitted"):
        _ = model.columns


@pytest.mark.parametrize("family", FAMILIES)
def test_model__parameters_are_frozen_json_and_refuse_misspelt_names(family: str) -> None:
    model = make_model(family, SMALL.get(family, {}), task="classification", baseline="last_week", seed=3)
    dumped = model.parameters.model_dump_json()
    assert type(model.parameters).model_validate_json(dumped) == model.parameters
    with pytest.raises(ConfigurationError, match="n_estimatorz"):
        make_model(family, {"n_estimatorz": 3})
    with pytest.raises(ValueError, match="frozen"):
        model.parameters.task = "forecast"


@pytest.mark.parametrize("family", FAMILIES)
def test_model__search_space_proposes_what_the_family_takes(family: str) -> None:
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    lives = set()
    for _ in range(20):
        proposed = family_class(family).suggest(study.ask())
        lives.add(proposed.pop("half_life_days", "never"))
        assert make_model(family, proposed).family == family
    assert lives == ({"never"} if family == "naive" else {None, 60, 30, 14})


def test_family_class__suggests_the_right_spelling() -> None:
    with pytest.raises(ConfigurationError, match="did you mean xgboost"):
        family_class("xgbost")
