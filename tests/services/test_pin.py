"""A pinned service: one bundle, whatever the pointer wants, with or without a database."""

import shutil
from pathlib import Path

import pytest

from model_code.errors import ConfigurationError, NotReady
from model_code.installation import Installation
from model_code.settings import Settings
from services.forecaster.messages import ForecastRequest
from services.forecaster.running import Running
from tests.services import tiny
from tests.services.conftest import installation, make_known


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    return installation(tmp_path)


def pinned(place: Installation, bundle: str, version: str = "", **changes: object) -> Running:
    """A service of the same installation that is pinned, and has looked once."""
    settings = Settings.model_validate(place.settings.model_dump() | {"pin": bundle, "pin_version": version} | changes)
    running = Running(Installation.open(tiny.NAME, settings))
    running._watcher.look()
    return running


def test_pin__serves_its_bundle_whatever_the_pointer_wants(place: Installation) -> None:
    champion, challenger = make_known(place, "1", "ridge"), tiny.make_bundle(place, "naive").hash
    place.pointers.move(tiny.NAME, champion, None)
    running = pinned(place, challenger, version="2")

    place.pointers.move(tiny.NAME, challenger, champion)
    place.pointers.move(tiny.NAME, champion, challenger)
    running._watcher.look()

    told = running.model()
    assert (told.bundle, told.wanted, told.version) == (challenger, challenger, "2")
    assert (told.pinned, told.ready, told.alias, told.generation) == (True, True, None, 0)
    answer = running.forecast(ForecastRequest())
    assert (answer.bundle, answer.version) == (challenger, "2")


def test_pin__is_ready_before_the_first_promotion(place: Installation) -> None:
    challenger = tiny.make_bundle(place, "naive").hash

    assert pinned(place, challenger).unready == ""
    assert pinned(place, challenger).model().version == challenger[:12]


def test_pin__a_missing_bundle_is_told_and_no_other_one_answers(place: Installation) -> None:
    place.pointers.move(tiny.NAME, make_known(place, "1", "ridge"), None)
    challenger = tiny.make_bundle(place, "naive").hash
    shutil.rmtree(place.bundles.folder / challenger)
    running = pinned(place, challenger)

    assert challenger[:12] in running.unready
    with pytest.raises(NotReady, match=challenger[:12]):
        running.forecast(ForecastRequest())


def test_pin__needs_no_database_to_become_ready(place: Installation, tmp_path: Path) -> None:
    challenger = tiny.make_bundle(place, "naive").hash
    away = f"sqlite:///{tmp_path / 'nowhere' / 'evenkeel.db'}"

    assert pinned(place, challenger, version="2", sql_url=away).model().bundle == challenger
    follower = Running(Installation.open(tiny.NAME, Settings.model_validate(place.settings.model_dump() | {"sql_url": away})))
    follower._watcher.look()
    assert follower.unready, "what follows the pointer must be able to read it"


def test_pin__without_one_the_pointer_is_followed(place: Installation) -> None:
    champion = make_known(place, "1", "ridge")
    place.pointers.move(tiny.NAME, champion, None)

    told = pinned(place, "").model()
    assert (told.bundle, told.pinned, told.alias) == (champion, False, "champion")


def test_settings__pin_is_a_whole_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENKEEL_PIN", "abc123")

    with pytest.raises(ConfigurationError, match="pin"):
        Settings.load()
