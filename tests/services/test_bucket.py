"""A service whose bundles lie in a bucket: it fetches what the pointer wants, and tells a store that is down from a bad bundle."""

from pathlib import Path

import pytest

from model_code.bundle import BundleRef
from model_code.installation import Installation
from services.client import ForecastClient
from services.forecaster.running import Running
from services.rollout.local.service import LocalService
from tests.conformance.conftest import s3  # noqa: F401  # a fixture
from tests.conftest import free_port
from tests.services import tiny
from tests.services.conftest import installation, make_known


@pytest.fixture
def place(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """An installation whose service has a cache of its own, empty yet."""
    for name, value in request.getfixturevalue("s3").items():
        monkeypatch.setenv(name, value)
    return at(installation(tmp_path), f"s3://observations/{tmp_path.name}", tmp_path / "service")


def at(place: Installation, url: str, cache: Path) -> Installation:
    settings = place.settings.model_copy(update={"bundles_url": url, "bundles_cache": cache})
    return Installation.open(tiny.NAME, settings)


def test_service__fetches_the_bundle_that_is_wanted_and_the_one_that_becomes_so(place: Installation, tmp_path: Path) -> None:
    trainer = at(place, place.bundles.url, tmp_path / "trainer")
    old, new = make_known(trainer, "1", "ridge"), make_known(trainer, "2", "naive")
    target = LocalService(place.settings)
    place.pointers.move(tiny.NAME, old, None)
    try:
        first = target.deploy(place.usecase)
        place.pointers.move(tiny.NAME, new, old)
        second = target.wait_ready(new)
        with ForecastClient(target.url) as client:
            answered = client.forecast().bundle
    finally:
        target.stop()

    assert (first.bundle, second.bundle, answered) == (old, new, new)
    assert {path.name for path in (tmp_path / "service").iterdir() if not path.name.startswith(".")} == {old, new}


def test_running__store_that_is_down_is_told_and_is_no_refusal(
    place: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted: BundleRef = tiny.make_bundle(at(place, place.bundles.url, tmp_path / "trainer"), "naive")
    place.pointers.move(tiny.NAME, wanted.hash, None)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    running = Running(place)
    running.start()
    try:
        assert "cannot read" in running.unready
        assert "the object store up and reachable" in running.unready
        assert "is refused" not in running.unready
    finally:
        running.stop()
