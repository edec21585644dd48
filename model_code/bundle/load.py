"""Loading a bundle: every file is what was written, and the model still gives its golden answers."""

import json
import re
import stat
from pathlib import Path
from typing import Any

import yaml

from model_code.bundle.answers import Answering
from model_code.bundle.bundle import Bundle
from model_code.bundle.composite import CompositeBundle
from model_code.bundle.engine import Engine
from model_code.bundle.exactness import TOLERANCE as ONNX_TOLERANCE
from model_code.bundle.golden import Golden, RoutedGolden
from model_code.bundle.inputs import Inputs
from model_code.bundle.manifest import (
    CALIBRATION,
    COMPOSITE,
    FEATURES,
    GOLDEN,
    INPUTS,
    MANIFEST,
    MAX_BYTES,
    MAX_FILES,
    MAX_MANIFEST_BYTES,
    MAX_TEXT_BYTES,
    ONNX,
    OWN_FILES,
    PARTS,
    PROFILE,
    USECASE,
    Manifest,
    parse_manifest,
)
from model_code.bundle.native import NativeModel, agree
from model_code.bundle.onnx_model import OnnxModel
from model_code.bundle.reading import check_hash, understood
from model_code.calibration import Calibration
from model_code.errors import BundleError
from model_code.models import Model, family_class
from model_code.models.device import DEVICES
from model_code.routing import Routing
from model_code.usecase import UseCaseSpec


def load_bundle(root: Path, hash: str) -> Bundle:
    """The bundle of that hash in the bundle store.

    Args:
        root: Folder of the bundle store.
        hash: SHA-256 of the manifest, 64 hexadecimal digits.

    Raises:
        BundleError: Missing, altered, a file too many, an unknown format, or wrong golden answers.
    """
    if not re.fullmatch(r"[0-9a-f]{64}", hash):
        raise BundleError(f"{hash[:80]!r} is no bundle hash", hint="64 hexadecimal digits")
    return read_folder(Path(root) / hash, hash)


def read_folder(folder: Path, bundle_hash: str) -> Bundle:
    """The bundle in a folder, whatever the folder's name; see `load_bundle`."""
    if folder.is_symlink() or not folder.is_dir():
        raise BundleError(f"no bundle {bundle_hash[:12]} in {folder.parent}", hint="was it removed, or written elsewhere?")
    try:
        sizes = _sizes(folder)
        manifest = parse_manifest(_content(folder, MANIFEST, sizes, MAX_MANIFEST_BYTES), bundle_hash)
        own = _checked(folder, manifest, sizes)
    except OSError as error:
        raise BundleError(f"bundle {bundle_hash[:12]} cannot be read: {error}", hint="check the bundle store") from error
    return _assemble(folder, bundle_hash, manifest, own)


def _sizes(folder: Path) -> dict[str, int]:
    """Every file below the folder -> its size; only plain files and folders may be there."""
    sizes: dict[str, int] = {}
    for path in folder.rglob("*"):
        name, found = path.relative_to(folder).as_posix(), path.lstat()
        if stat.S_ISDIR(found.st_mode):
            continue
        if not stat.S_ISREG(found.st_mode):
            raise BundleError(f"{name} in {folder} is no plain file", hint="bundles have no links")
        sizes[name] = found.st_size
        if len(sizes) > MAX_FILES + 1 or sum(sizes.values()) > MAX_BYTES:
            raise BundleError(f"{folder} is too large", hint=f"at most {MAX_FILES} files and {MAX_BYTES} bytes")
    return sizes


def _content(folder: Path, name: str, sizes: dict[str, int], limit: int) -> bytes:
    if name not in sizes:
        raise BundleError(f"{name} is missing in {folder}", hint="fetch the bundle again")
    with (folder / name).open("rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise BundleError(f"{name} in {folder} is larger than {limit} bytes", hint="no bundle of ours has this")
    return content


def _checked(folder: Path, manifest: Manifest, sizes: dict[str, int]) -> dict[str, bytes]:
    """The bundle's own files and the ONNX model, after every file of it was compared with the manifest."""
    if set(sizes) != {MANIFEST, *manifest.files}:
        told = ", ".join(sorted(set(sizes) ^ {MANIFEST, *manifest.files}))
        raise BundleError(f"missing or extra in {folder}: {told}", hint="fetch the bundle again")
    own = {name: _content(folder, name, sizes, MAX_TEXT_BYTES) for name in OWN_FILES}
    if manifest.onnx.kept:
        own[ONNX] = _content(folder, ONNX, sizes, MAX_BYTES)
    for name, wanted in manifest.files.items():
        check_hash(folder, name, wanted, own.get(name))
    return own


def _assemble(folder: Path, bundle_hash: str, manifest: Manifest, own: dict[str, bytes]) -> Bundle:
    spec = understood(USECASE, lambda: UseCaseSpec.model_validate(yaml.safe_load(own[USECASE])))
    calibration = understood(CALIBRATION, lambda: Calibration.model_validate_json(own[CALIBRATION]))
    inputs = understood(INPUTS, lambda: Inputs.model_validate_json(own[INPUTS]))
    agree("usecase", manifest.usecase, spec.name)
    agree("task", manifest.task, spec.task)
    agree("inputs", manifest.feature_columns, inputs.names)
    agree("features_version", manifest.features_version, manifest.files[FEATURES])
    facts: dict[str, Any] = {
        "hash": bundle_hash,
        "path": folder,
        "manifest": manifest,
        "spec": spec,
        "calibration": calibration,
        "profile": understood(PROFILE, lambda: dict(json.loads(own[PROFILE]))),
        "inputs": inputs,
        "features_source": own[FEATURES],
    }
    if manifest.family == COMPOSITE:
        return _composite(facts, own)
    golden = understood(GOLDEN, lambda: Golden.model_validate_json(own[GOLDEN]))
    requests = understood(GOLDEN, lambda: golden.requests(manifest.feature_columns))
    answering = Answering(spec, manifest.family, manifest.feature_columns, calibration)
    native = NativeModel(folder, manifest, answering, golden, requests)
    return Bundle(**facts, engine=_engine(native, own.get(ONNX)))


def _composite(facts: dict[str, Any], own: dict[str, bytes]) -> CompositeBundle:
    """The parts, each checked like any other bundle, and the golden answers that pass through the routing."""
    folder, manifest = facts["path"], facts["manifest"]
    routing = understood(MANIFEST, lambda: Routing.model_validate(manifest.parameters))
    agree("parts", sorted(routing.parts), sorted({name.split("/")[1] for name in manifest.files if name.startswith(f"{PARTS}/")}))
    parts = {part: read_folder(folder / PARTS / part, part) for part in sorted(routing.parts)}
    for part in parts.values():
        if part.manifest.family == COMPOSITE:
            raise BundleError(f"part {part.hash[:12]} is made of parts itself", hint="compose its parts instead")
        agree(
            "features of a part",
            (manifest.features_version, manifest.feature_columns),
            (part.manifest.features_version, part.manifest.feature_columns),
        )
    bundle = CompositeBundle(**facts, engine=parts[routing.base].engine, parts=parts, routes=routing)
    golden = understood(GOLDEN, lambda: RoutedGolden.model_validate_json(own[GOLDEN]))
    matrix, lead = understood(GOLDEN, lambda: golden.requests(manifest.feature_columns))
    golden.check(understood(GOLDEN, lambda: bundle.predict_rows(matrix, lead, golden.entity)), ONNX_TOLERANCE)
    return bundle


def _engine(native: NativeModel, content: bytes | None) -> Engine:
    """What answers; it gave the golden answers."""
    if content is None:
        engine = Engine(lambda: native.load(verify=False), None)
        _ = engine.native
        return engine
    family = understood(MANIFEST, lambda: family_class(native.manifest.family))
    onnx = OnnxModel(content, len(native.manifest.feature_columns), family.onnx_call_rows)
    native.check(onnx.predict_matrix, ONNX_TOLERANCE)
    onnx_rows = understood(MANIFEST, lambda: _onnx_rows(family))
    return Engine(native.load, onnx, onnx_rows, rows_together=native.rows_together(onnx.predict_matrix))


def _onnx_rows(family: type[Model]) -> int:
    """How many rows at once ONNX Runtime answers, which stays on the processor: where there is a card, that takes the many."""
    few = Model.onnx_max_rows
    return family.onnx_max_rows if family.onnx_max_rows <= few or DEVICES.of(family.family) == "cpu" else few
