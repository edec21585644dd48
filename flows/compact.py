"""Compact: rewrite the observation tables as few files; what a registered model was trained on stays readable."""

from datetime import timedelta
from typing import Any

from prefect import flow, get_run_logger

from flows import artifacts
from flows.params import CompactParams
from flows.told import TOLD
from model_code.installation import Installation
from model_code.retention import drop_old_predictions


@flow(name="compact", persist_result=True, result_serializer="json", **TOLD)
def compact(params: CompactParams) -> list[dict[str, Any]]:
    """Compact each feed's table and remove files that neither a registered version, nor the latest table, nor a reader needs."""
    place, log = Installation.open(params.usecase), get_run_logger()
    rows: list[dict[str, Any]] = []
    for feed, kept in named_versions(place).items():
        if not place.store.exists(params.usecase, feed):
            log.warning("%s has no table yet", feed)
            continue
        removed = place.store.compact(params.usecase, feed, kept, timedelta(hours=params.retention_hours))
        log.info("%s: %d files removed, %d versions kept", feed, removed, len(kept))
        rows.append({"feed": feed, "removed": removed, "kept": kept, "version": place.store.version(params.usecase, feed)})
    dropped = drop_old_predictions(place, place.present(params.now).to_pydatetime())
    log.info("%d predictions older than %s dropped", dropped, place.usecase.spec.retention.predictions)
    artifacts.table(params.usecase, "compact", rows, "Files removed, and the table versions that registered models name")
    return rows


def named_versions(place: Installation) -> dict[str, list[int]]:
    """Feed -> versions of its table that registered models were trained on.

    Raises:
        RegistryError: The registry is unreachable: then nothing may be removed.
    """
    lineages = [version.lineage for version in place.registry.versions(place.usecase.name)]
    return {feed: sorted({lineage[feed] for lineage in lineages if feed in lineage}) for feed in place.usecase.spec.feeds}
