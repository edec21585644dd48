"""Following the pointer: no request fails in a switch, and a bundle that is not whole never answers."""

import shutil
import sqlite3
import threading
import time
from pathlib import Path

import httpx
import pytest

from model_code.errors import EvenkeelError, NotReady
from model_code.installation import Installation
from services.client import ForecastClient
from services.forecaster.messages import ForecastAnswer, ForecastRequest
from services.forecaster.running import Running
from tests.bundle_cases import edit_json, sealed
from tests.services import tiny
from tests.services.conftest import Served, installation, make_known
from tests.services.test_forecast import expected

REQUESTS = 200


def test_switch__fails_no_request_and_mixes_no_bundles(served: Served) -> None:
    answers: list[ForecastAnswer] = []
    errors: list[EvenkeelError] = []
    done = threading.Event()

    def ask() -> None:
        with ForecastClient(served.target.url, attempts=1) as client:
            for _ in range(REQUESTS):
                if done.is_set():
                    return
                try:
                    answers.append(client.forecast())
                except EvenkeelError as error:
                    errors.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    for bundle in (served.naive, served.ridge, served.naive):
        served.point_at(bundle)
        seen = len(answers)
        while asking.is_alive() and len(answers) < seen + 3:
            time.sleep(0.01)
    done.set()
    asking.join()

    values = {bundle: expected(served, bundle, tiny.LATEST, tiny.ENTITIES) for bundle in (served.ridge, served.naive)}
    assert errors == []
    assert [answer.values for answer in answers] == [values[answer.bundle] for answer in answers]
    assert {answer.bundle for answer in answers} == set(values)
    assert {(answer.bundle, answer.version) for answer in answers} == {(served.ridge, "1"), (served.naive, "2")}


def test_switch__altered_bundle_is_refused_and_the_old_one_goes_on(served: Served, client: ForecastClient) -> None:
    altered = "0" * 64
    folder = served.place.bundles.folder
    shutil.copytree(folder / served.naive, folder / altered)
    served.place.pointers.move(tiny.NAME, altered, served.ridge)
    try:
        while "its manifest has the hash" not in (told := client.model()).reason:
            time.sleep(0.05)

        assert (told.bundle, told.wanted, told.ready) == (served.ridge, altered, False)
        assert not client.ready()
        assert client.forecast().bundle == served.ridge
    finally:
        shutil.rmtree(folder / altered)

    served.point_at(served.ridge)
    assert client.ready()


def test_switch__bundle_with_wrong_golden_answers_is_refused_and_the_old_one_goes_on(
    served: Served, client: ForecastClient
) -> None:
    made = tiny.make_bundle(served.place, "ridge", off=1.0)
    wrong = sealed(
        made, lambda folder: edit_json(folder / "golden.json", lambda told: told | {"value": [v + 1 for v in told["value"]]})
    )
    served.place.pointers.move(tiny.NAME, wrong, served.ridge)
    try:
        while "golden answers differ" not in (told := client.model()).reason:
            time.sleep(0.05)
        unready = httpx.get(f"{served.target.url}/readyz")
        answer = client.predict([[50.0, 50.0]], lead=[0])

        assert (told.bundle, told.wanted, told.ready) == (served.ridge, wrong, False)
        assert unready.status_code == 503
        assert f"bundle {wrong[:12]} is refused: golden answers differ" in unready.json()["detail"]
        assert (answer.bundle, client.forecast().bundle) == (served.ridge, served.ridge)
    finally:
        shutil.rmtree(served.place.bundles.folder / wrong)

    served.point_at(served.ridge)
    assert client.ready()


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    return installation(tmp_path)


def test_running__without_a_promotion_says_what_is_missing(place: Installation) -> None:
    running = Running(place)
    running.start()
    try:
        assert running.unready
        with pytest.raises(NotReady, match="no bundle of tiny_load is promoted yet"):
            running.forecast(ForecastRequest())
    finally:
        running.stop()


def test_running__previous_bundle_answers_again_without_its_folder(place: Installation) -> None:
    old, new = make_known(place, "1", "ridge"), make_known(place, "2", "naive")
    place.pointers.move(tiny.NAME, new, old)
    running = Running(place)
    running._watcher.look()
    running._watcher.look()  # the second look has time for the previous bundle
    shutil.rmtree(place.bundles.folder / old)

    place.pointers.move(tiny.NAME, old, new)
    running._watcher.look()

    assert not running.unready
    assert running.forecast(ForecastRequest()).bundle == old


def test_running__is_not_ready_while_what_it_refused_a_moment_ago_is_wanted_again(place: Installation) -> None:
    good, bad = make_known(place, "1", "ridge"), "0" * 64
    place.pointers.move(tiny.NAME, good, None)
    running = Running(place)
    told = []
    for wanted in (good, bad, good, bad):  # moved faster than a refused bundle is tried again
        place.pointers.move(tiny.NAME, wanted, None)
        running._watcher.look()
        told.append((running.model().wanted, running.unready))

    assert told[0] == told[2] == (good, "")
    assert told[1] == told[3]
    assert told[3][0] == bad
    assert f"no bundle {bad[:12]}" in told[3][1]


def test_running__stays_ready_while_the_pointer_cannot_be_read(place: Installation) -> None:
    first, second = make_known(place, "1", "ridge"), make_known(place, "2", "naive")
    place.pointers.move(tiny.NAME, first, None)
    running, fresh = Running(place), Running(Installation.open(tiny.NAME, place.settings))
    running._watcher.look()
    with sqlite3.connect(place.sql.url.database or "") as database:
        database.execute("ALTER TABLE pointer RENAME COLUMN wanted TO gone")
    running._watcher.look()
    fresh._watcher.look()

    assert not running.unready, "all replicas would be taken out at once, with a working model in each"
    assert running.serving().bundle.hash == first
    assert fresh.unready, "one that never knew what is wanted cannot be ready"

    with sqlite3.connect(place.sql.url.database or "") as database:
        database.execute("ALTER TABLE pointer RENAME COLUMN gone TO wanted")
    place.pointers.move(tiny.NAME, second, first)
    running._watcher.look()
    assert running.serving().bundle.hash == second


def test_running__bundle_of_another_use_case_is_refused(place: Installation, tmp_path: Path) -> None:
    mine = make_known(place, "1", "naive")
    place.pointers.move("tiny_other", mine, None)
    folder = tmp_path / "usecases" / "tiny_other"
    shutil.copytree(tmp_path / "usecases" / tiny.NAME, folder)
    (folder / "usecase.yaml").write_text((folder / "usecase.yaml").read_text().replace(tiny.NAME, "tiny_other"))
    running = Running(Installation.open("tiny_other", place.settings))

    running._watcher.look()

    assert running.unready
    with pytest.raises(NotReady, match="is of tiny_load"):
        running.forecast(ForecastRequest())
