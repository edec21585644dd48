"""The form of a model that answers many rows is checked before anybody asks for many, and never keeps few rows from an answer."""

from pathlib import Path

import numpy as np
import pytest

from model_code.errors import BundleError, ConfigurationError
from model_code.installation import Installation
from model_code.models import xgboost_dense
from model_code.models.device import DEVICES
from services.forecaster.messages import ForecastRequest
from services.forecaster.running import Running
from tests.services import tiny
from tests.services.conftest import installation, make_known

FEW = 64


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    return installation(tmp_path)


@pytest.fixture
def service(place: Installation) -> Running:
    """Serves a ridge; the bundle before it and the one after it are trees."""
    place.pointers.move(tiny.NAME, make_known(place, "1", "ridge"), None)
    running = Running(place)
    running._watcher.look()
    assert running.unready == ""
    return running


def trees(place: Installation) -> str:
    made = tiny.make_bundle(place, "xgboost", n_estimators=5).hash
    place.ledger.append(tiny.promotion_of("2", made))
    return made


def wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """XGBoost gives other answers than it did when the bundle was made."""
    monkeypatch.setattr("model_code.models.xgboost.predict_dense", lambda _handle, matrix: np.full(len(matrix), 1.0))


def test_many_rows__a_library_that_gives_other_answers_is_refused_and_the_old_model_goes_on(
    place: Installation, service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    ridge, new = service.model().bundle, trees(place)
    wrong(monkeypatch)

    place.pointers.move(tiny.NAME, new, ridge)
    service._watcher.look()

    assert "golden answers differ" in service.unready
    assert service.forecast(ForecastRequest()).bundle == ridge


def test_many_rows__of_the_bundle_before_that_are_wrong_make_nobody_unready(
    place: Installation, service: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ridge, old = service.model().bundle, trees(place)
    assert ridge is not None
    wrong(monkeypatch)

    place.pointers.move(tiny.NAME, ridge, old)
    for _ in range(3):
        service._watcher.look()

    assert (service.unready, service.model().bundle) == ("", ridge)
    assert "golden answers differ" in caplog.text


def test_many_rows__are_refused_and_few_answered_where_the_image_lacks_the_library(
    place: Installation, service: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The pointer moves before the image: the pods of a ridge, whose image has no XGBoost, are to answer by trees."""
    ridge, new = service.model().bundle, trees(place)
    monkeypatch.setattr(xgboost_dense, "find_spec", lambda _name: None)
    xgboost_dense._library.cache_clear()

    place.pointers.move(tiny.NAME, new, ridge)
    service._watcher.look()

    assert (service.unready, service.forecast(ForecastRequest()).bundle) == ("", new)
    assert "answers few rows at once, more are refused: model of the bundle needs xgboost" in caplog.text
    bundle = service.serving().bundle
    assert len(bundle.predict_rows(np.ones((FEW, 2)), np.zeros(FEW, int)).value) == FEW
    with pytest.raises(BundleError, match="needs xgboost, which is not installed here"):
        bundle.predict_rows(np.ones((FEW + 1, 2)), np.zeros(FEW + 1, int))


@pytest.mark.parametrize("known", ["wanted", "previous"])
def test_device__that_a_bundle_cannot_have_refuses_it_alone(
    known: str, place: Installation, service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    ridge, forest = service.model().bundle, tiny.make_bundle(place, "forest", n_estimators=5).hash
    assert ridge is not None

    def device(family: str) -> str:
        if family == "forest":
            raise ConfigurationError("forest cannot compute on CUDA")
        return "cpu"

    monkeypatch.setattr(DEVICES, "of", device)
    place.pointers.move(tiny.NAME, *((forest, ridge) if known == "wanted" else (ridge, forest)))
    told = []
    for _ in range(3):
        service._watcher.look()
        told.append(service.unready)

    assert service.forecast(ForecastRequest()).bundle == ridge
    assert all("cannot compute on CUDA" in reason if known == "wanted" else reason == "" for reason in told)
