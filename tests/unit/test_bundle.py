"""Bundles: written reproducibly, loaded with the same answers, carrying their own feature code."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from model_code.bundle import load_bundle, write_bundle
from model_code.errors import BundleError, InvalidRequest
from model_code.models import FAMILIES, Task
from model_code.usecase import UseCase
from tests.bundle_cases import FEATURES, little_contents, little_data, little_usecase

EVERY = [pytest.param(family, task, id=f"{family}-{task}") for family in FAMILIES for task in ("forecast", "classification")]


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("family", "task"), EVERY)
def test_bundle__loaded_answers_as_the_model_that_was_written(family: str, task: Task, tmp_path: Path) -> None:
    contents = little_contents(tmp_path, family, task)
    ref = write_bundle(tmp_path / "store", contents)
    bundle = load_bundle(tmp_path / "store", ref.hash)
    features, _, lead = little_data(task)
    answers = bundle.predict(features, lead)
    np.testing.assert_allclose(answers.value, contents.model.predict(features), rtol=1e-6)
    if task == "classification":
        assert np.isnan([answers.lower, answers.upper]).all()
    else:
        assert (answers.lower < answers.value).all()
        assert (answers.value < answers.upper).all()
    assert (bundle.hash, bundle.path, bundle.spec) == (ref.hash, ref.path, contents.usecase.spec)
    assert (bundle.calibration, bundle.profile) == (contents.calibration, contents.profile)


def test_bundle__manifest_says_what_it_was_made_of(tmp_path: Path) -> None:
    contents = little_contents(tmp_path, "xgboost")
    manifest = load_bundle(tmp_path, write_bundle(tmp_path, contents).hash).manifest
    assert (manifest.usecase, manifest.task, manifest.family, manifest.seed) == ("little", "forecast", "xgboost", 1)
    assert manifest.parameters == contents.model.parameters.model_dump()
    assert manifest.training_parameters == contents.training_parameters
    assert manifest.features_version == contents.usecase.features_version
    assert manifest.feature_columns == ("yesterday", "hour")
    assert manifest.lineage == {"load": 3}
    assert manifest.trained_until == contents.trained_until


@pytest.mark.parametrize(("family", "task"), EVERY)
def test_bundle__same_contents_give_the_same_bytes(family: str, task: Task, tmp_path: Path) -> None:
    first = write_bundle(tmp_path / "one", little_contents(tmp_path / "here", family, task))
    elsewhere = little_contents(tmp_path / "there", family, task)
    local = elsewhere.trained_until.astimezone(timezone(timedelta(hours=10)))
    second = write_bundle(tmp_path / "two", replace(elsewhere, trained_until=local))
    assert second.hash == first.hash
    assert files_of(second.path) == files_of(first.path)


def test_bundle__hash_does_not_depend_on_the_process(tmp_path: Path) -> None:
    here = write_bundle(tmp_path / "one", little_contents(tmp_path, "xgboost"))
    script = (
        "from pathlib import Path; from model_code.bundle import write_bundle; from tests.bundle_cases import little_contents;"
        f"print(write_bundle(Path({str(tmp_path / 'two')!r}), little_contents(Path({str(tmp_path)!r}), 'xgboost')).hash)"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "1", "TZ": "Australia/Melbourne"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.strip() == here.hash


@pytest.mark.parametrize(
    "changed",
    [
        {"seed": 2},
        {"lineage": {"load": 4}},
        {"profile": {"loss": 0.4}},
        {"trained_until": datetime(2024, 7, 2, tzinfo=UTC)},
        {"training_parameters": {"family": "ridge", "half_life_days": 30}},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_bundle__other_contents_give_another_hash(changed: dict[str, Any], tmp_path: Path) -> None:
    contents = little_contents(tmp_path)
    assert write_bundle(tmp_path, replace(contents, **changed)).hash != write_bundle(tmp_path, contents).hash


def test_bundle__comments_in_the_specification_change_no_hash_but_feature_code_does(tmp_path: Path) -> None:
    contents = little_contents(tmp_path)
    before = write_bundle(tmp_path / "store", contents).hash
    folder = contents.usecase.folder
    (folder / "usecase.yaml").write_text("# more words\n" + (folder / "usecase.yaml").read_text())
    assert write_bundle(tmp_path / "store", contents).hash == before
    (folder / "features.py").write_text(FEATURES.format(version="two"))
    assert write_bundle(tmp_path / "store", contents).hash == before  # what was read and ran counts, not a later edit
    edited = replace(contents, usecase=UseCase(contents.usecase.spec, folder))
    assert write_bundle(tmp_path / "store", edited).hash != before
    assert (contents.usecase.features.VERSION, edited.usecase.features.VERSION) == ("one", "two")


def test_bundle__serves_its_own_feature_code_after_the_checkout_changed(tmp_path: Path) -> None:
    old = write_bundle(tmp_path / "store", little_contents(tmp_path))
    (tmp_path / "little" / "features.py").write_text(FEATURES.format(version="two"))
    new = write_bundle(tmp_path / "store", replace(little_contents(tmp_path), usecase=little_usecase(tmp_path, version="two")))
    old_bundle, new_bundle = (load_bundle(tmp_path / "store", ref.hash) for ref in (old, new))
    assert (old_bundle.features_module().VERSION, new_bundle.features_module().VERSION) == ("one", "two")
    assert old_bundle.usecase.features is old_bundle.features_module()
    assert old_bundle.usecase.features_version == old_bundle.manifest.features_version
    load_bundle(tmp_path / "store", old.hash)  # running the code left no bytecode in the folder


def test_bundle__feature_code_runs_from_the_checked_bytes(tmp_path: Path) -> None:
    bundle = load_bundle(tmp_path, write_bundle(tmp_path, little_contents(tmp_path)).hash)
    (bundle.path / "features.py").write_text("raise SystemExit('altered after the check')")
    assert bundle.features_module().VERSION == "one"


def test_bundle__feature_code_that_cannot_be_imported_is_refused(tmp_path: Path) -> None:
    usecase = little_usecase(tmp_path)
    contents = replace(little_contents(tmp_path), usecase=usecase)
    (usecase.folder / "features.py").write_text("import a_module_that_is_gone")
    bundle = load_bundle(tmp_path, write_bundle(tmp_path, contents).hash)
    for _ in range(2):
        with pytest.raises(BundleError, match="a_module_that_is_gone"):
            bundle.features_module()


def test_bundle__can_be_written_again_from_itself_with_a_new_calibration(tmp_path: Path) -> None:
    contents = little_contents(tmp_path / "gone")
    bundle = load_bundle(tmp_path, write_bundle(tmp_path, contents).hash)
    (tmp_path / "gone" / "little" / "features.py").unlink()
    nine = tuple(group.model_copy(update={"upper": 9.0}) for group in bundle.calibration.groups)
    wider = bundle.calibration.model_copy(update={"groups": nine, "smallest_value": None})
    ref = write_bundle(tmp_path, replace(contents, usecase=bundle.usecase, model=bundle.model, calibration=wider))
    again = load_bundle(tmp_path, ref.hash)
    features, _, lead = little_data()
    np.testing.assert_array_equal(again.predict(features, lead).value, bundle.predict(features, lead).value)
    np.testing.assert_allclose(again.predict(features, lead).upper - again.predict(features, lead).value, 9.0)


@pytest.mark.parametrize(
    ("features", "lead", "told"),
    [
        pytest.param({"yesterday": [1.0]}, [0], "missing feature hour", id="missing"),
        pytest.param({"yesterday": [np.inf], "hour": [1.0]}, [0], "feature yesterday", id="infinite"),
        pytest.param({"yesterday": [1.0], "hour": [1.0]}, [6], "steps are 0 to 5", id="beyond"),
        pytest.param({"yesterday": [1.0], "hour": [1.0]}, [-1], "steps are 0 to 5", id="before"),
        pytest.param({"yesterday": [1.0], "hour": [1.0]}, [0, 1], "1 whole numbers", id="length"),
        pytest.param({"yesterday": [1.0], "hour": [1.0]}, [0.5], "whole numbers", id="fraction"),
    ],
)
def test_bundle__predict_refuses_wrong_requests(features: Any, lead: list[float], told: str, tmp_path: Path) -> None:
    bundle = load_bundle(tmp_path, write_bundle(tmp_path, little_contents(tmp_path)).hash)
    with pytest.raises(InvalidRequest, match=told):
        bundle.predict(pd.DataFrame(features), np.array(lead))


def test_bundle__predict_refuses_answers_that_are_not_finite(tmp_path: Path) -> None:
    bundle = load_bundle(tmp_path, write_bundle(tmp_path, little_contents(tmp_path)).hash)
    bundle.model.learnt.coefficient[0] = np.nan  # type: ignore[attr-defined]
    features, _, lead = little_data()
    with pytest.raises(BundleError, match="missing or infinite"):
        bundle.predict(features, lead)
