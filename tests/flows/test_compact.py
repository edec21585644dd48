"""Compaction, as a run on a real Prefect server: what registered models were trained on stays readable."""

from datetime import timedelta
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.compact import compact, named_versions
from flows.params import CompactParams
from model_code.errors import RegistryError, StoreError
from model_code.installation import Installation
from model_code.reproduce import reproduce
from tests.conftest import free_port
from tests.services import tiny
from tests.trained import CANDIDATES, PRESENT, installation, train


@pytest.fixture
def place(tmp_path: Path, usecase: str, mlflow_url: str, monkeypatch: pytest.MonkeyPatch) -> Installation:
    made = installation(tmp_path, usecase, mlflow_url)
    for name, value in made.settings.environment().items():
        monkeypatch.setenv(name, value)
    return made


def append_day(place: Installation, day: int) -> int:
    start = PRESENT.replace(minute=0) + timedelta(days=day)
    return place.store.append(place.usecase.name, "load", tiny.load_rows(start, start + timedelta(days=1))).version


def test_compact__keeps_what_a_registered_version_was_trained_on(place: Installation, prefect_api: str) -> None:
    name = place.usecase.name
    version, ref = train(place, CANDIDATES[:1])
    named = place.bundle(ref.hash).manifest.lineage["load"]
    append_day(place, 0)
    with temporary_settings({PREFECT_API_URL: prefect_api}):
        compact(CompactParams(usecase=name, retention_hours=0))  # leaves the version between to be dropped by the next one
    unnamed = append_day(place, 1)
    append_day(place, 2)
    rows = place.store.revisions(name, "load")

    with temporary_settings({PREFECT_API_URL: prefect_api}):
        (done,) = compact(CompactParams(usecase=name, retention_hours=0))

    assert (done["feed"], done["kept"], done["removed"] > 0) == ("load", [named], True)
    assert place.store.revisions(name, "load").equals(rows)
    assert len(place.store.revisions(name, "load", version=named)) < len(rows)
    assert reproduce(place, version).same
    with pytest.raises(StoreError):
        place.store.revisions(name, "load", version=unnamed)


def test_compact__leaves_recent_files_to_a_training_under_way(place: Installation, prefect_api: str) -> None:
    name = place.usecase.name
    under_way = place.store.version(name, "load")
    append_day(place, 0)

    with temporary_settings({PREFECT_API_URL: prefect_api}):
        (done,) = compact(CompactParams(usecase=name))

    assert (done["removed"], done["kept"]) == (0, [])
    assert len(place.store.revisions(name, "load", version=under_way)) > 0


def test_named_versions__is_not_empty_only_because_the_registry_is_away(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    settings = place.settings.model_copy(update={"mlflow_url": f"http://127.0.0.1:{free_port()}"})

    with pytest.raises(RegistryError):
        named_versions(Installation(place.usecase, settings))
