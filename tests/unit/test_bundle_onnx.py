"""ONNX beside the native model: kept only where it is exact, and the native one is loaded when many rows come."""

import json
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_code.bundle import Bundle, BundleRef, load_bundle, write_bundle
from model_code.bundle.exactness import difference
from model_code.bundle.onnx_model import OnnxModel
from model_code.errors import BundleError
from model_code.models import Task, family_class, make_model
from tests.bundle_cases import edit_json, little_contents, little_data, sealed

FEW = family_class("xgboost").onnx_max_rows
ONE, LEAD = np.array([[5.0, 3.0]]), np.array([2])


@pytest.fixture
def ref(tmp_path: Path) -> BundleRef:
    return write_bundle(tmp_path / "store", little_contents(tmp_path, "xgboost"))


def load(ref: BundleRef, bundle_hash: str | None = None) -> Bundle:
    return load_bundle(ref.path.parent, bundle_hash or ref.hash)


def many(bundle: Bundle, rows: int = FEW + 1) -> np.ndarray:
    return bundle.predict_rows(np.repeat(ONE, rows, axis=0), np.repeat(LEAD, rows)).value


@pytest.mark.parametrize("task", ["forecast", "classification"])
def test_bundle__onnx_answers_few_rows_and_the_model_itself_many(task: Task, tmp_path: Path) -> None:
    bundle = load_bundle(tmp_path, write_bundle(tmp_path, little_contents(tmp_path, "xgboost", task)).hash)
    assert bundle.manifest.onnx.model_dump() == {"kept": True, "rows": 4_005, "difference": 1e-6, "reason": ""}
    features, _, lead = little_data(task)
    matrix = features.to_numpy(float)
    few = np.concatenate([bundle.predict_rows(matrix[at : at + 30], lead[at : at + 30]).value for at in range(0, 120, 30)])
    assert not bundle.engine.native_is_loaded
    answers = bundle.predict_rows(matrix, lead).value
    assert bundle.engine.native_is_loaded
    np.testing.assert_allclose(few, answers, rtol=1e-5)
    np.testing.assert_array_equal(answers, bundle.model.predict(features))


@pytest.mark.parametrize(("family", "loads"), [("xgboost", True), ("forest", False), ("lightgbm", False), ("lstm", False)])
def test_bundle__each_family_says_from_how_many_rows_on_its_own_library_answers(family: str, loads: bool, tmp_path: Path) -> None:
    bundle = load_bundle(tmp_path, write_bundle(tmp_path, little_contents(tmp_path, family)).hash)
    few = many(bundle, FEW)
    assert not bundle.engine.native_is_loaded
    np.testing.assert_allclose(many(bundle)[0], few[0], rtol=1e-5)
    assert bundle.engine.native_is_loaded == loads


@pytest.mark.parametrize(
    ("family", "rows", "loads"), [("xgboost", FEW, False), ("xgboost", FEW + 1, True), ("forest", 10_000, False)]
)
def test_require__loads_what_answers_so_many_rows_and_no_more(family: str, rows: int, loads: bool, tmp_path: Path) -> None:
    bundle = load_bundle(tmp_path, write_bundle(tmp_path, little_contents(tmp_path, family)).hash)

    bundle.require(rows)

    assert bundle.engine.native_is_loaded == loads


def test_bundle__lstm_answers_any_number_of_rows_without_keras_and_jax(tmp_path: Path) -> None:
    ref = write_bundle(tmp_path, little_contents(tmp_path, "lstm"))
    features, _, lead = little_data()
    script = (
        "import sys, json, pathlib, numpy as np; sys.modules['keras'] = sys.modules['jax'] = None\n"
        "from model_code.bundle import load_bundle\n"
        f"bundle = load_bundle(pathlib.Path({str(tmp_path)!r}), {ref.hash!r})\n"
        "asked = json.load(sys.stdin)\n"
        "print(json.dumps(bundle.predict_rows(np.array(asked['rows']), np.array(asked['lead'])).value.tolist()))\n"
        "bundle.model"
    )
    asked = {"rows": features.fillna(4).to_numpy(float).tolist() * 10, "lead": lead.tolist() * 10}

    done = subprocess.run([sys.executable, "-c", script], input=json.dumps(asked), capture_output=True, text=True, check=False)

    answered = load_bundle(tmp_path, ref.hash).model.predict(features.fillna(4))
    np.testing.assert_allclose(json.loads(done.stdout), np.tile(answered, 10), rtol=1e-5)
    assert "needs keras, which is not installed here" in done.stderr


@pytest.mark.parametrize("family", ["naive", "ridge"])
def test_bundle__families_that_answer_by_numpy_need_no_onnx(family: str, tmp_path: Path) -> None:
    bundle = load_bundle(tmp_path, write_bundle(tmp_path, little_contents(tmp_path, family)).hash)
    assert (bundle.manifest.onnx.kept, bundle.manifest.onnx.reason) == (False, f"{family} needs none")
    assert not (bundle.path / "model" / "model.onnx").exists()
    assert bundle.engine.native_is_loaded


@pytest.mark.parametrize("shift", [0.0, 1e-3], ids=["exact", "not-exact"])
def test_write_bundle__leaves_out_onnx_that_is_not_exact(shift: float, tmp_path: Path) -> None:
    contents = little_contents(tmp_path, "xgboost")
    features, target, _ = little_data()
    other = make_model("xgboost", {"n_estimators": 8}, seed=1)
    other.fit(features, target + shift)
    contents.model.to_onnx = other.to_onnx  # type: ignore[method-assign]
    bundle = load_bundle(tmp_path, write_bundle(tmp_path, contents).hash)
    assert bundle.manifest.onnx.kept == (shift == 0)
    if shift:
        assert bundle.manifest.onnx.reason.startswith("answers differ by 0.000")
        assert set(bundle.manifest.files).isdisjoint({"model/model.onnx"})
    np.testing.assert_allclose(bundle.predict_rows(ONE, LEAD).value, contents.model.predict_matrix(ONE), rtol=1e-5)


def test_bundle__native_model_is_loaded_once_by_many_threads(ref: BundleRef) -> None:
    bundle, ready, told = load(ref), threading.Barrier(8), []

    def ask() -> None:
        ready.wait()
        told.append((many(bundle), bundle.model))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 8
    assert all(model is bundle.model for _, model in told)
    assert len({float(value) for values, _ in told for value in values}) == 1


@pytest.mark.parametrize("spoil", ["altered", "gone"])
def test_bundle__native_model_spoilt_after_loading_is_refused_and_single_rows_go_on(spoil: str, ref: BundleRef) -> None:
    bundle = load(ref)
    if spoil == "gone":
        shutil.rmtree(ref.path)
    else:
        path = ref.path / "model" / "booster.ubj"
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    for _ in range(2):
        with pytest.raises(BundleError, match=r"booster\.ubj|xgboost\.json"):
            many(bundle)
        assert np.isfinite(bundle.predict_rows(ONE, LEAD).value).all()


def other_onnx(columns: int = 2) -> bytes:
    features, target, _ = little_data()
    model = make_model("xgboost", {"n_estimators": 8}, seed=1)
    model.fit(features[["yesterday", "hour"][:columns]], target + 1)
    content = model.to_onnx()
    assert content is not None
    return content


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(other_onnx, "golden answers differ: value", id="another-model"),
        pytest.param(lambda: other_onnx(columns=1), "model.onnx takes", id="other-columns"),
        pytest.param(lambda: b"not onnx", "model.onnx is not understood", id="no-onnx"),
        pytest.param(lambda: b"", "model.onnx is not understood", id="empty"),
    ],
)
def test_load_bundle__refuses_a_wrong_onnx_model(content: Any, told: str, ref: BundleRef) -> None:
    with pytest.raises(BundleError, match=told):
        load(ref, sealed(ref, lambda folder: (folder / "model" / "model.onnx").write_bytes(content())))


def test_load_bundle__refuses_a_missing_onnx_model(ref: BundleRef) -> None:
    with pytest.raises(BundleError, match=r"has no model/model\.onnx"):
        load(ref, sealed(ref, lambda folder: (folder / "model" / "model.onnx").unlink()))


def test_bundle__native_model_has_golden_answers_of_its_own(ref: BundleRef) -> None:
    """A native model that contradicts the ONNX one is noticed when it is needed."""
    bundle = load(ref, sealed(ref, lambda folder: edit_json(folder / "model" / "xgboost.json", swap_columns)))
    assert np.isfinite(bundle.predict_rows(ONE, LEAD).value).all()
    with pytest.raises(BundleError, match="feature_columns: the manifest says"):
        many(bundle)


def swap_columns(state: dict[str, Any]) -> dict[str, Any]:
    return {**state, "columns": state["columns"][::-1]}


def test_difference__is_relative_to_the_typical_answer_near_zero() -> None:
    assert difference(np.array([100.0, 100.0]), np.array([100.0, 101.0])) == pytest.approx(0.01)
    assert difference(np.array([1e-9, 100.0]), np.array([1e-4, 100.0])) < 2e-6
    assert difference(np.array([1.0]), np.array([np.nan])) == np.inf
    assert difference(np.array([]), np.array([])) == 0


def test_onnx_model__starts_no_thread_and_takes_any_number_of_rows() -> None:
    script = (
        "import sys, json, threading, os; from pathlib import Path; import numpy as np;"
        "from model_code.bundle.onnx_model import OnnxModel; model = OnnxModel(sys.stdin.buffer.read(), 2);"
        "shapes = [model.predict_matrix(np.zeros((n, 2))).shape for n in (0, 1, 7, 500)];"
        "print(json.dumps([shapes, len(os.listdir('/proc/self/task'))]))"
    )
    done = subprocess.run([sys.executable, "-c", script], input=other_onnx(), capture_output=True, check=True)
    shapes, threads = json.loads(done.stdout)
    assert shapes == [[0], [1], [7], [500]]
    assert threads <= 1 + int(
        subprocess.run(
            [sys.executable, "-c", "import numpy, os; print(len(os.listdir('/proc/self/task')) - 1)"],
            capture_output=True,
            check=True,
        ).stdout
    )
    assert OnnxModel(other_onnx(), 2).predict_matrix(np.empty((0, 2))).dtype == np.float64


def test_onnx_model__one_row_at_a_time_is_answered_as_many_from_several_threads_too() -> None:
    model = OnnxModel(other_onnx(), 2)
    matrix = np.random.default_rng(1).uniform(-10, 10, (400, 2))
    matrix[::7, 0] = np.nan
    wanted = model.predict_matrix(matrix)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda place: model.predict_matrix(matrix[place : place + 1]), range(400)))

    assert {(one.shape, one.dtype.name) for one in found} == {((1,), "float64")}
    np.testing.assert_array_equal(np.concatenate(found), wanted)
    assert len(np.unique(wanted)) > 3
