"""Which release is wanted: a version by its number, or the one that the pointer wants."""

from model_code.errors import RolloutError
from model_code.installation import Installation
from services.rollout.base import Wanted


def wanted_of(place: Installation, version: str | None = None, image: str | None = None) -> Wanted:
    """The release of a version.

    Args:
        place: The use case's installation.
        version: Number in the registry. Default: that of the bundle which the pointer wants.
        image: `repository:tag` to run it with. Default: the one that runs.

    Raises:
        RegistryError: There is no such version, or the registry is unreachable.
        RolloutError: None is named, and none is promoted.
    """
    name = place.usecase.name
    if version is not None:
        return Wanted(usecase=name, version=version, bundle=place.registry.bundle_of(name, version), image=image)
    pointer = place.pointers.get(name)
    if pointer is None:
        raise RolloutError(f"no bundle of {name} is promoted", hint="promote a version first")
    return Wanted(usecase=name, version=_version_of(place, pointer.wanted), bundle=pointer.wanted, image=image)


def _version_of(place: Installation, bundle: str) -> str:
    """The version of a bundle: the ledger knows those that were promoted, the registry all."""
    name = place.usecase.name
    entries = reversed(place.ledger.entries(name))
    told = next((entry.to_version for entry in entries if entry.to_bundle == bundle and entry.to_version), None)
    found = told or next((each.version for each in place.registry.versions(name) if each.bundle == bundle), None)
    if found is None:
        raise RolloutError(
            f"the pointer of {name} wants bundle {bundle[:12]}, which is no registered version", hint="promote one"
        )
    return found
