"""What is not exactly the bundle that was written, or does not answer as it did, is refused."""

import math
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_code.bundle import BundleRef, Inputs, load_bundle, write_bundle
from model_code.bundle import load as loading
from model_code.calibration import Calibration
from model_code.errors import BundleError, ConfigurationError, EvenkeelError, InvalidRequest
from model_code.models import make_model
from tests.bundle_cases import edit_json, little_contents, sealed


@pytest.fixture
def ref(tmp_path: Path) -> BundleRef:
    return write_bundle(tmp_path / "store", little_contents(tmp_path, "naive"))


def load(ref: BundleRef, bundle_hash: str | None = None) -> Any:
    return load_bundle(ref.path.parent, bundle_hash or ref.hash)


def every_file(ref: BundleRef) -> list[Path]:
    return sorted(path for path in ref.path.rglob("*") if path.is_file())


def test_load_bundle__refuses_any_flipped_bit(ref: BundleRef) -> None:
    files = every_file(ref)
    assert len(files) == 8
    for path in files:
        content = path.read_bytes()
        for place in (0, len(content) // 2, len(content) - 1):
            path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
            with pytest.raises(BundleError, match=r"was altered|manifest has the hash"):
                load(ref)
        path.write_bytes(content)
    load(ref)


def test_load_bundle__refuses_any_missing_or_cut_file(ref: BundleRef) -> None:
    for path in every_file(ref):
        content = path.read_bytes()
        path.unlink()
        with pytest.raises(BundleError, match="missing"):
            load(ref)
        path.write_bytes(content[:-1])
        with pytest.raises(BundleError, match=r"was altered|manifest has the hash"):
            load(ref)
        path.write_bytes(content)


@pytest.mark.parametrize("name", ["extra.json", "model/extra", ".hidden", "__pycache__/features.cpython-311.pyc"])
def test_load_bundle__refuses_an_extra_file(ref: BundleRef, name: str) -> None:
    (ref.path / name).parent.mkdir(exist_ok=True)
    (ref.path / name).write_text("{}")
    with pytest.raises(BundleError, match="extra"):
        load(ref)


def test_load_bundle__refuses_links_of_every_kind(ref: BundleRef, tmp_path: Path) -> None:
    for name in ("profile.json", "model/naive.json", "manifest.json"):
        path, outside = ref.path / name, tmp_path / "outside"
        shutil.move(path, outside)
        path.symlink_to(outside)
        with pytest.raises(BundleError, match="no plain file"):
            load(ref)
        path.unlink()
        shutil.move(outside, path)
    shutil.move(ref.path / "model", tmp_path / "model")
    (ref.path / "model").symlink_to(tmp_path / "model")
    with pytest.raises(BundleError, match="no plain file"):
        load(ref)
    (ref.path / "model").unlink()
    shutil.move(tmp_path / "model", ref.path / "model")
    load(ref)
    shutil.move(ref.path, tmp_path / "elsewhere")
    ref.path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleError, match="no bundle"):
        load(ref)


def test_load_bundle__refuses_a_pipe_without_waiting_for_it(ref: BundleRef) -> None:
    (ref.path / "profile.json").unlink()
    os.mkfifo(ref.path / "profile.json")
    with pytest.raises(BundleError, match="no plain file"):
        load(ref)


@pytest.mark.parametrize("wanted", ["", "..", "../x", "A" * 64, "a" * 63, "a" * 64 + "\n", "/etc/passwd", "manifest.json"])
def test_load_bundle__refuses_a_name_that_is_no_hash(ref: BundleRef, wanted: str) -> None:
    with pytest.raises(BundleError, match="no bundle hash"):
        load_bundle(ref.path.parent, wanted)


def test_load_bundle__refuses_an_unknown_hash_and_another_bundle_under_this_name(ref: BundleRef) -> None:
    with pytest.raises(BundleError, match="no bundle 000000000000"):
        load(ref, "0" * 64)
    ref.path.rename(ref.path.with_name("0" * 64))
    with pytest.raises(BundleError, match="manifest has the hash"):
        load(ref, "0" * 64)


def test_load_bundle__accepts_a_bundle_that_was_sealed_again(ref: BundleRef) -> None:
    new_hash = sealed(ref, lambda folder: edit_json(folder / "profile.json", lambda _: {"loss": 2}))
    assert load(ref, new_hash).profile == {"loss": 2}


@pytest.mark.parametrize(
    ("manifest", "told"),
    [
        ({"format": "evenkeel-bundle/1"}, r"format 'evenkeel-bundle/1'.*reads evenkeel-bundle/2"),
        ({"format": None}, "format None"),
        ({"surprise": 1}, "surprise"),
        ({"seed": "many"}, "seed"),
        ({"trained_until": "2024-07-01T00:00:00"}, "trained_until"),
        ({"files": {"../../escape": "0" * 64}}, "files"),
        ({"files": {"/etc/passwd": "0" * 64}}, "files"),
        ({"files": {"model/../../x": "0" * 64}}, "files"),
        ({"files": {f"model/{n}": "0" * 64 for n in range(65)}}, "files"),
        ({"files": {}}, "has no calibration.json"),
        ({"family": "oracle"}, "no model family 'oracle'"),
        ({"family": "ridge"}, r"model of the bundle is not understood"),
        ({"usecase": "other"}, "usecase: the manifest says other"),
        ({"task": "classification"}, "task: the manifest says"),
        ({"parameters": {"task": "forecast", "baseline": "hour"}}, "parameters: the manifest says"),
        ({"feature_columns": ["hour", "yesterday"]}, "inputs: the manifest says"),
        ({"features_version": "0" * 64}, "features_version: the manifest says"),
    ],
)
def test_load_bundle__refuses_a_wrong_manifest(ref: BundleRef, manifest: dict[str, Any], told: str) -> None:
    with pytest.raises(BundleError, match=told):
        load(ref, sealed(ref, lambda _: None, **manifest))


@pytest.mark.parametrize("content", ["", "[]", "null", "not json", '{"format": NaN}', "[" * 100_000])
def test_load_bundle__refuses_what_is_no_manifest(ref: BundleRef, content: str) -> None:
    import hashlib

    (ref.path / "manifest.json").write_text(content)
    name = hashlib.sha256(content.encode()).hexdigest()
    ref.path.rename(ref.path.with_name(name))
    with pytest.raises(BundleError, match=r"wrong manifest|has the format"):
        load(ref, name)


def golden(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    return lambda folder: edit_json(folder / "golden.json", lambda content: {**content, **change(content)})


@pytest.mark.parametrize(
    ("alter", "told"),
    [
        pytest.param(golden(lambda g: {"value": [v * (1 + 1e-5) for v in g["value"]]}), "golden answers differ: value", id="value"),
        pytest.param(golden(lambda g: {"lower": [v - 0.001 for v in g["lower"]]}), "golden answers differ: lower", id="lower"),
        pytest.param(golden(lambda g: {"upper": [None, *g["upper"][1:]]}), "golden answers differ: upper", id="null"),
        pytest.param(golden(lambda g: {"value": g["value"][:-1]}), "golden answers differ: value", id="fewer"),
        pytest.param(golden(lambda g: {"value": [None, *g["value"][1:]]}), "golden.json", id="null-value"),
        pytest.param(golden(lambda g: {"value": [math.nan, *g["value"][1:]]}), "golden.json", id="nan-value"),
        pytest.param(golden(lambda g: {"value": [], "features": [], "lead": [], "lower": [], "upper": []}), "golden.json", id="empty"),
        pytest.param(golden(lambda g: {"columns": ["yesterday", "minute"]}), "golden.json.*minute", id="columns"),
        pytest.param(golden(lambda g: {"lead": [99] * 5}), "golden.json.*lead", id="lead"),
        pytest.param(lambda f: (f / "calibration.json").write_text("{}"), "without an interval", id="no-calibration"),
        pytest.param(lambda f: (f / "calibration.json").write_text('{"x": 1}'), "calibration.json", id="calibration"),
        pytest.param(lambda f: (f / "usecase.yaml").write_text("name: [oh"), "usecase.yaml", id="yaml"),
        pytest.param(lambda f: (f / "usecase.yaml").write_text("name: little"), "usecase.yaml", id="spec"),
        pytest.param(lambda f: edit_json(f / "inputs.json", lambda i: {"columns": i["columns"][::-1]}), "inputs: the manifest", id="inputs"),
        pytest.param(lambda f: edit_json(f / "inputs.json", lambda i: {"columns": []}), "inputs.json", id="no-inputs"),
        pytest.param(lambda f: (f / "profile.json").write_text("3"), "profile.json", id="profile"),
        pytest.param(lambda f: (f / "model" / "naive.json").write_text("{}"), "model of the bundle", id="model"),
        pytest.param(lambda f: edit_json(f / "model" / "naive.json", lambda m: {**m, "asked": []}), "differ: value", id="other-model"),
    ],
)  # fmt: skip
def test_load_bundle__refuses_sealed_files_that_do_not_hold(ref: BundleRef, alter: Any, told: str) -> None:
    with pytest.raises(BundleError, match=told):
        load(ref, sealed(ref, alter))


def test_load_bundle__golden_answers_have_room_for_single_precision(ref: BundleRef) -> None:
    load(ref, sealed(ref, golden(lambda g: {"value": [v * (1 + 5e-7) for v in g["value"]]})))


def test_load_bundle__refuses_a_broken_booster(tmp_path: Path) -> None:
    ref = write_bundle(tmp_path / "store", little_contents(tmp_path, "xgboost"))
    bundle = load(ref, sealed(ref, lambda folder: (folder / "model" / "booster.ubj").write_bytes(b"{L\x00")))
    with pytest.raises(BundleError, match="model of the bundle is not understood"):
        _ = bundle.model  # the ONNX form answers until it is asked for


@pytest.mark.parametrize(
    ("bound", "limit"), [("MAX_FILES", 3), ("MAX_BYTES", 100), ("MAX_TEXT_BYTES", 50), ("MAX_MANIFEST_BYTES", 50)]
)
def test_load_bundle__refuses_what_is_too_large(ref: BundleRef, bound: str, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, bound, limit)
    with pytest.raises(BundleError, match="large"):
        load(ref)


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        pytest.param(lambda c: {"feature_columns": ["hour", "yesterday"]}, BundleError, "feature_columns", id="columns"),
        pytest.param(lambda c: {"trained_until": datetime(2024, 7, 1)}, BundleError, "time zone", id="naive-time"),
        pytest.param(lambda c: {"profile": {"loss": math.nan}}, BundleError, "profile: no JSON", id="profile-nan"),
        pytest.param(lambda c: {"profile": {"loss": np.float32(1)}}, BundleError, "profile: no JSON", id="profile-numpy"),
        pytest.param(lambda c: {"training_parameters": {"x": math.inf}}, BundleError, "manifest: no JSON", id="parameters"),
        pytest.param(lambda c: {"lineage": {"load": "new"}}, BundleError, "lineage", id="lineage"),
        pytest.param(lambda c: {"calibration": Calibration.none()}, BundleError, "without an interval", id="calibration"),
        pytest.param(lambda c: {"golden_features": c.golden_features[:0], "golden_lead": c.golden_lead[:0]}, BundleError, "0 golden", id="none"),
        pytest.param(lambda c: {"inputs": Inputs.of(c.golden_features[["hour"]])}, BundleError, "inputs are not of", id="inputs"),
        pytest.param(lambda c: {"golden_features": c.golden_features[["hour"]]}, InvalidRequest, "yesterday", id="golden"),
    ],
)  # fmt: skip
def test_write_bundle__refuses_contents_that_do_not_hold(
    change: Any, error: type[EvenkeelError], told: str, tmp_path: Path
) -> None:
    contents = little_contents(tmp_path)
    with pytest.raises(error, match=told):
        write_bundle(tmp_path / "store", replace(contents, **change(contents)))
    assert not [path for path in tmp_path.glob("store/*") if path.name != ".lock"]


def test_write_bundle__refuses_a_model_that_does_not_survive_being_saved(tmp_path: Path) -> None:
    contents = little_contents(tmp_path)
    contents.model.learnt.coefficient[0] += 1  # type: ignore[attr-defined]
    forgetful = make_model("ridge", {})
    forgetful.fit(contents.golden_features, np.arange(5.0))
    contents.model.save = forgetful.save  # type: ignore[method-assign]
    with pytest.raises(BundleError, match="golden answers differ"):
        write_bundle(tmp_path / "store", contents)
    assert [path.name for path in (tmp_path / "store").iterdir()] == [".lock"]


def test_write_bundle__needs_feature_code(tmp_path: Path) -> None:
    contents = little_contents(tmp_path)
    (contents.usecase.folder / "features.py").unlink()
    with pytest.raises(ConfigurationError, match=r"has no .*features\.py"):
        write_bundle(tmp_path / "store", contents)
