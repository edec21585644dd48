"""The manifest: what a bundle says about itself, and the bounds that every bundle keeps."""

import hashlib
import json
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from model_code.bundle.exactness import OnnxCheck
from model_code.errors import BundleError
from model_code.models import Task

FORMAT: Final = "evenkeel-bundle/2"
COMPOSITE: Final = "composite"  # in the place of a family, where a bundle is made of parts
PARTS: Final = "parts"  # folder with a whole bundle for each part, under its hash
MANIFEST = "manifest.json"
USECASE = "usecase.yaml"
FEATURES = "features.py"
CALIBRATION = "calibration.json"
PROFILE = "profile.json"
GOLDEN = "golden.json"
INPUTS = "inputs.json"
MODEL_FOLDER = "model"
ONNX = "model/model.onnx"
OWN_FILES = frozenset({USECASE, FEATURES, CALIBRATION, PROFILE, GOLDEN, INPUTS})

MAX_FILES = 256  # of one made of parts
MAX_PLAIN_FILES = 64  # of any other
MAX_MANIFEST_BYTES = 2**20
MAX_TEXT_BYTES = 2**24  # one of the bundle's own files
MAX_BYTES = 2**30  # all of it

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_PART = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}"
FileName = Annotated[str, Field(pattern=rf"^{_PART}(/{_PART}){{0,3}}$")]


class Manifest(BaseModel):
    """`manifest.json`; its SHA-256 is the bundle's name. Nothing in it depends on when or where it was written."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    format: Literal["evenkeel-bundle/2"] = FORMAT
    usecase: str
    task: Task
    family: str
    parameters: dict[str, Any] = Field(description="The model's own parameters, complete.")
    training_parameters: dict[str, Any] = Field(description="The candidate that was trained, as given.")
    features_version: Sha256 = Field(description="SHA-256 of features.py.")
    feature_columns: tuple[str, ...]
    lineage: dict[str, int] = Field(description="Feed -> version of its table that the model was trained on.")
    trained_until: AwareDatetime = Field(description="Nothing known later was used (UTC).")
    seed: int
    onnx: OnnxCheck
    files: dict[FileName, Sha256] = Field(max_length=MAX_FILES, description="Every file beside the manifest -> its SHA-256.")

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.family != COMPOSITE and len(self.files) > MAX_PLAIN_FILES:
            raise ValueError(f"{len(self.files)} files, at most {MAX_PLAIN_FILES} are allowed")
        return self


def parse_manifest(content: bytes, bundle_hash: str) -> Manifest:
    """The manifest, after its hash, its format and its fields were checked.

    Raises:
        BundleError: Not what was written, another format, or not a manifest.
    """
    found = hashlib.sha256(content).hexdigest()
    if found != bundle_hash:
        raise BundleError(f"bundle {bundle_hash[:12]}: its manifest has the hash {found[:12]}", hint="fetch the bundle again")
    try:
        raw = json.loads(content)
        written = raw.get("format") if isinstance(raw, dict) else None
        if written != FORMAT:
            raise BundleError(f"bundle {bundle_hash[:12]} has the format {written!r}", hint=f"this version reads {FORMAT}")
        manifest = Manifest.model_validate(raw)
    except (ValueError, ValidationError, RecursionError) as error:
        raise BundleError(f"bundle {bundle_hash[:12]}: wrong manifest: {error}", hint="train a new bundle") from error
    missing = (OWN_FILES | {ONNX} if manifest.onnx.kept else OWN_FILES) - set(manifest.files)
    if missing:
        raise BundleError(f"bundle {bundle_hash[:12]} has no {', '.join(sorted(missing))}", hint="train a new bundle")
    return manifest
