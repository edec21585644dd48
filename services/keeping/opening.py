"""The keeper that the settings ask for; only its own imports are paid."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model_code.settings import Settings
    from services.keeping.keeper import Keeper


def open_keeper(settings: Settings, usecase: str) -> Keeper:
    """The keeper that the settings ask for.

    Args:
        settings: The installation's settings.
        usecase: The use case whose service this is.

    Raises:
        StoreError: The spool cannot be made.
    """
    if settings.keep == "store":
        from services.keeping.committer import StoreKeeper  # here, for only who commits needs a driver

        return StoreKeeper(settings.sql)
    from services.keeping.spool import SpoolKeeper

    return SpoolKeeper(settings.spool, settings.sql, bound=settings.spool_bytes)
