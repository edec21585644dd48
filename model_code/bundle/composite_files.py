"""Writing a bundle made of parts: each part whole under its hash, and around them the files that every bundle has."""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from model_code.bundle.answers import Predicted
from model_code.bundle.building import build
from model_code.bundle.bundle import Bundle
from model_code.bundle.composition import Composition
from model_code.bundle.contents import BundleRef
from model_code.bundle.exactness import OnnxCheck
from model_code.bundle.golden import MAX_ROWS, Golden, RoutedGolden
from model_code.bundle.inputs import InputColumn, Inputs
from model_code.bundle.manifest import (
    CALIBRATION,
    COMPOSITE,
    FEATURES,
    GOLDEN,
    INPUTS,
    MANIFEST,
    MAX_FILES,
    PARTS,
    PROFILE,
    USECASE,
    Manifest,
)
from model_code.canonical import canonical_json
from model_code.errors import BundleError

ROWS_OF_A_PART: Final = 8
MAX_ROUTES: Final = MAX_ROWS - ROWS_OF_A_PART
OWN_ONNX: Final = OnnxCheck(kept=False, rows=0, difference=None, reason="each part has its own")


def write_composite(root: Path, composition: Composition) -> BundleRef:
    """Write a bundle made of parts into the bundle store; the same parts and routes always give the same hash.

    Args:
        root: Folder of the bundle store; made if it is not there.

    Returns:
        Its hash and folder. What is one part only is that part, which is a bundle already.

    Raises:
        BundleError: Too many parts, a part gives other answers by now, or the store cannot be written.
    """
    if not composition.routing.routes:
        return BundleRef(composition.base.hash, composition.base.path)
    files = sum(len(part.manifest.files) + 1 for part in composition.parts.values())
    if files + len(composition.base.manifest.files) > MAX_FILES or len(composition.routing.routes) > MAX_ROUTES:
        raise BundleError(
            f"{len(composition.parts)} parts for {len(composition.routing.routes)} entities are too many",
            hint="promote a version for all entities",
        )
    return build(Path(root), lambda folder: _fill(folder, composition))


def _fill(folder: Path, composition: Composition) -> str:
    """Write every file, the manifest last; return the manifest's hash."""
    for name, content in _own_files(composition).items():
        (folder / name).write_bytes(content)
    for part in composition.parts.values():
        for name in (MANIFEST, *part.manifest.files):
            copied = folder / PARTS / part.hash / name
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(part.path / name, copied)
    files = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }
    content = canonical_json(_manifest(composition, files).model_dump(mode="json"))
    (folder / MANIFEST).write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def _manifest(composition: Composition, files: dict[str, str]) -> Manifest:
    """The base's, but for what the bundle is made of and until when anything in it was known."""
    known = max(part.manifest.trained_until for part in composition.parts.values())
    return composition.base.manifest.model_copy(
        update={
            "family": COMPOSITE,
            "parameters": composition.routing.model_dump(),
            "trained_until": known,
            "onnx": OWN_ONNX,
            "files": files,
        }
    )


def _own_files(composition: Composition) -> dict[str, bytes]:
    base = composition.base
    kept = {name: (base.path / name).read_bytes() for name in (USECASE, FEATURES, CALIBRATION)}
    made = {PROFILE: _profile(composition), INPUTS: _inputs(composition), GOLDEN: _golden(composition)}
    return kept | {name: canonical_json(content) for name, content in made.items()}


def _profile(composition: Composition) -> dict[str, Any]:
    """The base's, with what is normal for an entity taken from the part that answers for it."""
    profile = {name: value for name, value in composition.base.profile.items() if name != "recalibrated"}
    if "drift" in profile:
        series = dict(profile["drift"]["series"])
        for entity, part in composition.routing.routes.items():
            own = composition.parts[part].profile["drift"]["series"]
            series |= {entity: own[entity]} if entity in own else {}
        profile["drift"] = profile["drift"] | {"series": series}
    return profile | {"made_of": composition.routing.model_dump()}


def _inputs(composition: Composition) -> dict[str, Any]:
    """What any of the parts believes."""
    rows = zip(*(part.inputs.columns for part in composition.parts.values()), strict=True)
    return Inputs(columns=tuple(_widest(columns) for columns in rows)).model_dump(mode="json")


def _widest(columns: tuple[InputColumn, ...]) -> InputColumn:
    low, high = [column.minimum for column in columns], [column.maximum for column in columns]
    return InputColumn(
        name=columns[0].name,
        minimum=None if None in low else min(each for each in low if each is not None),
        maximum=None if None in high else max(each for each in high if each is not None),
    )


def _golden(composition: Composition) -> dict[str, Any]:
    """Golden requests of the base without entity, and of each routed entity with it; answered by the part they go to."""
    asked = list(_requests(composition))
    answers = [part.predict_rows(matrix, lead) for _, part, matrix, lead in asked]
    told = Predicted(*(np.concatenate([getattr(each, name) for each in answers]) for name in ("value", "lower", "upper")))
    matrix, lead = np.concatenate([each[2] for each in asked]), np.concatenate([each[3] for each in asked])
    golden = Golden.of(composition.base.manifest.feature_columns, matrix, lead, told)
    entity = tuple(name for name, _, rows, _ in asked for _ in rows)
    return RoutedGolden(**golden.model_dump(), entity=entity).model_dump(mode="json")


def _requests(composition: Composition) -> Iterator[tuple[str | None, Bundle, np.ndarray, np.ndarray]]:
    routes = composition.routing.routes
    each = min(ROWS_OF_A_PART, MAX_ROUTES // len(routes))
    for entity, part_hash, most in [
        (None, composition.routing.base, ROWS_OF_A_PART),
        *((*route, each) for route in routes.items()),
    ]:
        part = composition.parts[part_hash]
        golden = Golden.model_validate_json((part.path / GOLDEN).read_bytes())
        matrix, lead = golden.requests(part.manifest.feature_columns)
        yield entity, part, matrix[:most], lead[:most]
