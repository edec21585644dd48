"""What the pointer says of a rollout: stable endpoints follow it, whatever they were deployed for."""

from model_code.errors import EvenkeelError, RolloutError
from model_code.pointer import Pointer, Pointers
from model_code.settings import Settings
from model_code.sql import engine


def pointer_of(settings: Settings, usecase: str) -> Pointer | None:
    """The use case's pointer; None before its first promotion. No connection is left open.

    Raises:
        StoreError: The database cannot be read.
    """
    database = engine(settings.sql)
    try:
        return Pointers(database).get(usecase)
    finally:
        database.dispose()


def require_pointer(settings: Settings, usecase: str, bundle: str | None = None) -> str:
    """The bundle that the pointer wants.

    Args:
        settings: Of the installation.
        usecase: Name of the use case.
        bundle: The one that it has to be. Default: any.

    Raises:
        RolloutError: Nothing is promoted, or another bundle.
        StoreError: The database cannot be read.
    """
    pointer = pointer_of(settings, usecase)
    if pointer is None:
        raise RolloutError(
            f"no bundle of {usecase} is promoted", hint="promote the version first: stable endpoints follow the pointer"
        )
    if bundle not in (None, pointer.wanted):
        raise RolloutError(
            f"the pointer of {usecase} wants bundle {pointer.wanted[:12]}, so {str(bundle)[:12]} would not answer",
            hint="promote the version first, or roll it out by stages (docs/rollout.md)",
        )
    return pointer.wanted


def difference(settings: Settings, usecase: str, bundle: str | None) -> str:
    """In one sentence, that stable was deployed for another bundle than the pointer wants; empty where it was not."""
    try:
        pointer = pointer_of(settings, usecase)
    except EvenkeelError as error:
        return f"the pointer cannot be read: {error.message}"
    if bundle is None or (pointer is not None and pointer.wanted == bundle):
        return ""
    return (
        f"stable is there for bundle {bundle[:12]}, the pointer wants {f'bundle {pointer.wanted[:12]}' if pointer else 'nothing'}"
    )
