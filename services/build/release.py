"""What is built: one registry version of a use case with its verified bundle."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from model_code.bundle import Bundle
from model_code.bundle.manifest import Manifest
from model_code.errors import BundleError, RegistryError
from model_code.installation import Installation
from model_code.models import family_class

CHAMPION = "champion"
BY_NUMPY = {"naive", "ridge"}
ANY_ROWS = 1_000_000  # of one request


class Release(BaseModel):
    """One version of a use case's model, ready to be packed.

    Attributes:
        usecase: Name of the use case.
        version: Number in the registry.
        bundle: SHA-256 of the bundle's manifest.
        family: Model family; of a bundle made of parts, one of theirs.
        library: Family whose library an image needs; empty where ONNX Runtime or numpy answers everything.
        folder: Where the bundle lies on this machine; every file was verified.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    usecase: str
    version: str
    bundle: str
    family: str
    library: str
    folder: Path


def release_of(place: Installation, version: str | None = None) -> Release:
    """The release of a version.

    Args:
        place: The use case's installation.
        version: Number in the registry. Default: the champion's.

    Raises:
        RegistryError: There is no such version, or no champion yet.
        BundleError: Its bundle is missing or altered.
    """
    name = place.usecase.name
    chosen = version or place.registry.version_of(name, CHAMPION)
    if chosen is None:
        raise RegistryError(f"{name} has no champion yet", hint="promote a version first (make up), or name one: VERSION=n")
    known = [each.version for each in place.registry.versions(name)]
    if chosen not in known:
        raise RegistryError(f"{name} has no version {chosen}", hint=f"there are: {', '.join(known) or 'none'}")
    bundle = place.bundle_of(chosen)
    library = library_of(bundle)
    family = library or min(part.manifest.family for part in bundle.made_of.values())
    return Release(usecase=name, version=chosen, bundle=bundle.hash, family=family, library=library, folder=bundle.path)


def library_of(bundle: Bundle) -> str:
    """The family whose library answers in a bundle, or in one of its parts; empty where none is needed.

    Raises:
        BundleError: Its parts need several libraries: an image carries one.
    """
    needed = sorted({part.manifest.family for part in bundle.made_of.values() if _needs_library(part.manifest)})
    if len(needed) > 1:
        raise BundleError(
            f"the parts of bundle {bundle.hash[:12]} need {' and '.join(needed)}, an image carries one library",
            hint="promote a version for all entities before its image is built",
        )
    return needed[0] if needed else ""


def _needs_library(manifest: Manifest) -> bool:
    in_onnx = manifest.onnx.kept and family_class(manifest.family).onnx_max_rows >= ANY_ROWS
    return manifest.family not in BY_NUMPY and not in_onnx
