"""Loading a bundle: every file is what was written, and the model still gives its golden answers."""

import hashlib
import json
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import yaml

from model_code.bundle.bundle import Bundle
from model_code.bundle.golden import Golden
from model_code.bundle.manifest import (
    CALIBRATION,
    FEATURES,
    GOLDEN,
    MANIFEST,
    MAX_BYTES,
    MAX_FILES,
    MAX_MANIFEST_BYTES,
    MAX_TEXT_BYTES,
    MODEL_FOLDER,
    OWN_FILES,
    PROFILE,
    USECASE,
    Manifest,
    parse_manifest,
)
from model_code.calibration import Calibration
from model_code.errors import BundleError, EvenkeelError
from model_code.models import Model, family_class
from model_code.usecase import UseCaseSpec

T = TypeVar("T")


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
    """The bundle's own files, after every file of it was compared with the manifest."""
    if set(sizes) != {MANIFEST, *manifest.files}:
        told = ", ".join(sorted(set(sizes) ^ {MANIFEST, *manifest.files}))
        raise BundleError(f"missing or extra in {folder}: {told}", hint="fetch the bundle again")
    own = {name: _content(folder, name, sizes, MAX_TEXT_BYTES) for name in OWN_FILES}
    for name, wanted in manifest.files.items():
        if name in own:
            found = hashlib.sha256(own[name]).hexdigest()
        else:
            with (folder / name).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != wanted:
            raise BundleError(f"{name} in {folder} was altered", hint="fetch the bundle again")
    return own


def _assemble(folder: Path, bundle_hash: str, manifest: Manifest, own: dict[str, bytes]) -> Bundle:
    bundle = Bundle(
        hash=bundle_hash,
        path=folder,
        manifest=manifest,
        spec=_understood(USECASE, lambda: UseCaseSpec.model_validate(yaml.safe_load(own[USECASE]))),
        model=_understood(MODEL_FOLDER, lambda: _model(folder, manifest)),
        calibration=_understood(CALIBRATION, lambda: Calibration.model_validate_json(own[CALIBRATION])),
        profile=_understood(PROFILE, lambda: dict(json.loads(own[PROFILE]))),
        features_source=own[FEATURES],
    )
    _agree(bundle)
    golden = _understood(GOLDEN, lambda: Golden.model_validate_json(own[GOLDEN]))
    golden.check(_understood(GOLDEN, lambda: bundle.predict(*golden.requests())))
    return bundle


def _model(folder: Path, manifest: Manifest) -> Model:
    return family_class(manifest.family).load(folder / MODEL_FOLDER)


def _understood(name: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except BundleError:
        raise
    except (EvenkeelError, OSError, ValueError, TypeError, LookupError, RecursionError, yaml.YAMLError) as error:
        raise BundleError(
            f"{name} of the bundle is not understood: {error}", hint="was it written by another version?"
        ) from error


def _agree(bundle: Bundle) -> None:
    """What the manifest says is what the files say."""
    manifest = bundle.manifest
    pairs = {
        "usecase": (manifest.usecase, bundle.spec.name),
        "task": (manifest.task, bundle.spec.task),
        "parameters": (manifest.parameters, bundle.model.parameters.model_dump(mode="json")),
        "feature_columns": (manifest.feature_columns, bundle.model.columns),
        "features_version": (manifest.features_version, manifest.files[FEATURES]),
    }
    for name, (said, found) in pairs.items():
        if said != found:
            raise BundleError(f"{name}: the manifest says {said}, the files say {found}", hint="train a new bundle")
