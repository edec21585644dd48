"""Writing a bundle: built beside its place, checked, then renamed, so that it is there whole or not at all."""

import hashlib
from datetime import UTC
from pathlib import Path

import numpy as np
import yaml
from pydantic import ValidationError

from model_code.bundle.answers import Answering
from model_code.bundle.building import build
from model_code.bundle.contents import BundleContents, BundleRef
from model_code.bundle.exactness import OnnxCheck, onnx_of
from model_code.bundle.golden import Golden
from model_code.bundle.manifest import (
    CALIBRATION,
    FEATURES,
    GOLDEN,
    INPUTS,
    MANIFEST,
    MODEL_FOLDER,
    ONNX,
    PROFILE,
    USECASE,
    Manifest,
)
from model_code.canonical import canonical_json
from model_code.errors import BundleError
from model_code.models.base import as_matrix


def write_bundle(root: Path, contents: BundleContents) -> BundleRef:
    """Write a bundle into the bundle store; the same contents always give the same hash.

    It is loaded and its golden answers are compared before it gets its name. Several writers may be at
    work at once; what a killed one left behind is removed by the next.

    Args:
        root: Folder of the bundle store; made if it is not there.

    Raises:
        BundleError: The contents do not fit together, or the store cannot be written.
    """
    if list(contents.feature_columns) != list(contents.model.columns):
        raise BundleError("feature_columns are not those of the model", hint="give the columns that it was fitted on")
    if contents.inputs.names != tuple(contents.feature_columns):
        raise BundleError("inputs are not of the feature columns", hint="Inputs.of(features) of the training rows")
    if contents.trained_until.tzinfo is None:
        raise BundleError("trained_until has no time zone", hint="give an aware time")
    root, own = Path(root), _own_files(contents)
    onnx, check = onnx_of(
        contents.model, contents.inputs, as_matrix(contents.golden_features, contents.feature_columns), contents.seed
    )
    return build(root, lambda folder: _fill(folder, contents, own if onnx is None else {**own, ONNX: onnx}, check))


def _fill(folder: Path, contents: BundleContents, own: dict[str, bytes], check: OnnxCheck) -> str:
    """Write every file, the manifest last; return the manifest's hash."""
    (folder / MODEL_FOLDER).mkdir()
    for name, content in own.items():
        (folder / name).write_bytes(content)
    contents.model.save(folder / MODEL_FOLDER)
    files = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }
    content = _json(_manifest(contents, files, check).model_dump(mode="json"), "manifest")
    (folder / MANIFEST).write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def _manifest(contents: BundleContents, files: dict[str, str], check: OnnxCheck) -> Manifest:
    try:
        return Manifest(
            usecase=contents.usecase.name,
            task=contents.usecase.spec.task,
            family=contents.model.family,
            parameters=contents.model.parameters.model_dump(mode="json"),
            training_parameters=contents.training_parameters,
            features_version=files[FEATURES],
            feature_columns=tuple(contents.feature_columns),
            lineage=contents.lineage,
            trained_until=contents.trained_until.astimezone(UTC),
            seed=contents.seed,
            onnx=check,
            files=files,
        )
    except ValidationError as error:
        raise BundleError(f"no manifest can be made of these contents: {error}", hint="see BundleContents") from error


def _own_files(contents: BundleContents) -> dict[str, bytes]:
    """Every file but the model's and the manifest."""
    spec, model, columns = contents.usecase.spec, contents.model, tuple(contents.feature_columns)
    answering = Answering(spec, model.family, columns, contents.calibration)
    matrix, lead = as_matrix(contents.golden_features, columns), np.asarray(contents.golden_lead)
    golden = Golden.of(columns, matrix, lead, answering.answer(model.predict_matrix, matrix, lead))
    # The specification itself, not its file: comments and the order of keys change no hash.
    usecase = yaml.safe_dump(spec.model_dump(mode="json"), sort_keys=True, allow_unicode=True)
    return {
        USECASE: usecase.encode(),
        FEATURES: contents.usecase.features_source,
        CALIBRATION: _json(contents.calibration.model_dump(mode="json"), "calibration"),
        PROFILE: _json(contents.profile, "profile"),
        INPUTS: _json(contents.inputs.model_dump(mode="json"), "inputs"),
        GOLDEN: _json(golden.model_dump(mode="json"), "golden answers"),
    }


def _json(value: object, what: str) -> bytes:
    try:
        return canonical_json(value)
    except (TypeError, ValueError) as error:
        raise BundleError(f"{what}: no JSON: {error}", hint="plain numbers, texts, lists; null instead of NaN") from error
