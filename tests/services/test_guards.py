"""Keys, rates, limits, workers and the end of a service: real processes, asked over HTTP."""

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from model_code.errors import ConfigurationError
from model_code.settings import Settings
from services.forecaster.command import check_keys
from services.forecaster.keys import Key, Keys, main
from services.forecaster.problems import TooManyRequests, Unauthorized
from tests.conftest import free_port
from tests.services import tiny
from tests.services.conftest import installation, make_known
from tests.services.processes import QUESTION, Process
from tests.services.test_wire import Line, asked

Start = Callable[..., Process]


@pytest.fixture(scope="module")
def promoted(tmp_path_factory: pytest.TempPathFactory) -> Any:
    place = installation(tmp_path_factory.mktemp("guarded"))
    place.pointers.move(tiny.NAME, make_known(place, "1", "ridge"), None)
    return place


@pytest.fixture
def start(promoted: Any, tmp_path: Path) -> Iterator[Start]:
    started: list[Process] = []

    def start_one(**settings: Any) -> Process:
        changed = promoted.settings.model_copy(update={"service_port": free_port(), **settings})
        started.append(Process(changed, tmp_path / f"{len(started)}.log"))
        started[-1].wait_ready()
        return started[-1]

    yield start_one
    for one in started:
        one.end()


def new_key(path: Path, name: str, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    capsys.readouterr()
    assert main(["new", name, "--file", str(path), *more]) == 0
    return capsys.readouterr().out.strip()


def test_keys__are_asked_for_on_every_route_but_those_of_probes(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "keys"
    key = new_key(file, "analyst", capsys)
    service = start(keys_file=file)

    wrong = {"authorization": "Bearer wrong", "x-request-id": "unknown"}
    for path in ("/forecast", "/predict", f"/v2/models/{tiny.NAME}/infer"):
        refused = httpx.post(service.url + path, content=b"{}", headers=wrong)
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer"), path
        assert refused.json()["request_id"] == refused.headers["x-request-id"] == "unknown"
    for path in ("/model", "/nothing", "/v2", "/v2/models/another", f"/v2/models/{tiny.NAME}/versions/77", "/predict"):
        refused = httpx.get(service.url + path)
        assert (refused.status_code, tiny.NAME in refused.text) == (401, False), path
    assert httpx.get(f"{service.url}/v2/models/another", headers={"authorization": f"Bearer {key}"}).status_code == 404
    for path in ("/livez", "/readyz", "/metrics", "/v2/health/ready", "/docs.json"):
        assert httpx.get(service.url + path).status_code == 200, path
    assert service.ask(key).json()["value"]
    forecast = httpx.post(f"{service.url}/forecast", json={}, headers={"authorization": f"bearer {key}"})
    assert forecast.status_code == 200
    assert key not in service.log.read_text()


def test_keys__rotate_without_a_restart(start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "keys"
    old = new_key(file, "analyst", capsys)
    service = start(keys_file=file)
    line = file.read_text()
    new = new_key(file, "analyst", capsys)

    while service.ask(new).status_code != 200:
        time.sleep(0.1)
    assert service.ask(old).status_code == 200
    file.write_text(file.read_text().replace(line, ""))
    while service.ask(old).status_code != 401:
        time.sleep(0.1)
    assert service.ask(new).status_code == 200


def test_keys__a_file_that_went_bad_leaves_the_last_good_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "keys"
    key = new_key(file, "analyst", capsys)
    keys = Keys(file)
    header = f"Bearer {key}".encode()
    assert keys.admit(header, 10.0).name == "analyst"

    file.write_text("analyst not-a-hash\n")

    assert keys.admit(header, 20.0).name == "analyst"
    keys.admit(header, 25.0)
    assert "line 1" in keys.problem
    assert [record.getMessage()[:37] for record in caplog.records] == ["the keys of before stay in force, tho"], "told once"
    file.unlink()
    assert keys.admit(header, 30.0).name == "analyst"
    with pytest.raises(Unauthorized):
        keys.admit(b"Bearer other", 40.0)


def test_keys__new_one_behind_a_line_without_end_spoils_neither(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "keys"
    old = new_key(file, "analyst", capsys)
    file.write_text(file.read_text().rstrip("\n"))
    new = new_key(file, "engineer", capsys)

    assert [Keys(file).admit(f"Bearer {key}".encode(), 10.0).name for key in (old, new)] == ["analyst", "engineer"]


@pytest.mark.parametrize("content", ["", "# nobody\n", "a b\n", f"a {'0' * 64} -1\n", f"a {'0' * 64} 1 2\n", f"a/b {'0' * 64}\n"])
def test_keys__wrong_file_is_refused_with_its_line(tmp_path: Path, content: str) -> None:
    file = tmp_path / "keys"
    file.write_text(content)

    with pytest.raises(ConfigurationError, match=r"no key|line 1"):
        Keys(file)


def test_key__rate_is_a_token_bucket() -> None:
    key = Key("a", 2.0)

    key.spend(100.0)
    key.spend(100.0)
    with pytest.raises(TooManyRequests) as refused:
        key.spend(100.1)
    assert refused.value.retry_after == pytest.approx(0.4)
    key.spend(100.6)


def test_rate__above_it_is_answered_429_with_the_time_to_wait(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "keys"
    slow, fast = new_key(file, "slow", capsys, "--rate", "0.01"), new_key(file, "fast", capsys)
    service = start(keys_file=file)

    told = [service.ask(slow) for _ in range(3)]

    assert told[0].status_code == 200
    assert told[-1].status_code == 429
    assert 1 <= int(told[-1].headers["retry-after"]) <= 100
    assert told[-1].json()["request_id"] == told[-1].headers["x-request-id"] != told[-2].headers["x-request-id"]
    assert service.ask(fast).status_code == 200


def test_start__other_machines_without_keys_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="EVENKEEL_KEYS_FILE"):
        check_keys(Settings(host="0.0.0.0"))
    check_keys(Settings(host="::1"))
    check_keys(Settings(host="localhost"))


def test_workers__share_the_port_and_their_metrics_add_up(start: Start) -> None:
    service = start(workers=2)
    workers = psutil.Process(service.popen.pid).children()
    assert len([one for one in workers if "services.forecaster" in one.cmdline()]) == 2
    for _ in range(40):  # each on a connection of its own, so that both workers get some
        assert service.ask().status_code == 200

    counted = [line for line in httpx.get(f"{service.url}/metrics").text.splitlines() if 'route="predict"' in line]

    total = next(line for line in counted if line.startswith("evenkeel_service_requests_total"))
    observed = next(line for line in counted if line.startswith("evenkeel_service_latency_seconds_count"))
    assert (float(total.split()[-1]), float(observed.split()[-1])) == (40.0, 40.0)


def test_workers__one_that_was_killed_is_started_again(start: Start) -> None:
    service = start(workers=2)
    killed = next(one for one in psutil.Process(service.popen.pid).children() if "services.forecaster" in one.cmdline())

    killed.kill()

    while len(found := psutil.Process(service.popen.pid).children()) < 2 or killed.pid in {one.pid for one in found}:
        time.sleep(0.1)
    service.wait_ready()
    assert service.ask().status_code == 200
    assert f"worker {killed.pid} ended" in service.log.read_text()


def test_drain__readiness_goes_off_and_requests_are_answered_until_the_end(start: Start) -> None:
    service = start(drain_seconds=3.0)
    told: list[int] = []
    ready: list[int] = []
    refused: list[float] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:
                ready.append(httpx.get(f"{service.url}/readyz").status_code)
                told.append(service.ask().status_code)
            except httpx.TransportError:  # it has ended, or let go of a connection that had asked nothing yet
                refused.append(time.monotonic())
                return

    asking = threading.Thread(target=ask)
    asking.start()
    while len(told) < 5:
        time.sleep(0.01)
    before, asked_to_end = len(told), time.monotonic()
    service.popen.send_signal(signal.SIGTERM)
    assert service.popen.wait(30) == 0
    stop.set()
    asking.join()

    assert all(at - asked_to_end >= 3.0 for at in refused)  # not before the time that it was to go on for
    assert ready[:before] == [200] * before
    assert ready[-1] == 503
    assert set(told) == {200}
    assert len(told) > before


@pytest.mark.parametrize("drain_seconds", [0.0, 0.5])
def test_drain__a_request_in_flight_is_answered_and_kept(start: Start, promoted: Any, drain_seconds: float) -> None:
    service, name = start(drain_seconds=drain_seconds, max_concurrent=1), f"in-flight-{drain_seconds:g}"
    whole = asked(QUESTION, f"x-request-id: {name}")

    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection:
        connection.sendall(whole[:-5])
        while service.ask().status_code != 503:  # the one place is taken
            time.sleep(0.01)
        service.popen.send_signal(signal.SIGTERM)
        time.sleep(1.0)  # longer than it drains: now it waits for this request alone
        running = service.popen.poll() is None
        connection.sendall(whole[-5:])
        status, headers, told = Line(connection).answer()

    assert running
    assert (status, headers["connection"], told["request_id"]) == (200, "close", name)
    assert service.popen.wait(30) == 0
    assert [each.value for each in promoted.predictions.by_request(name, tiny.NAME)] == told["value"]


def test_limits__one_request_too_many_at_once_is_answered_503(start: Start) -> None:
    service = start(max_concurrent=1)
    head = {"content-type": "application/json", "content-length": "40"}

    def slow() -> Iterator[bytes]:
        yield b'{"rows": [[50.0, 50.0]]'
        refused.append(service.ask())
        yield b', "lead": [0]}   '

    refused: list[httpx.Response] = []
    first = httpx.post(f"{service.url}/predict", content=slow(), headers=head)

    assert first.status_code == 200, first.text
    assert (refused[0].status_code, refused[0].headers["retry-after"]) == (503, "1")
    assert "in work" in refused[0].json()["detail"]


@pytest.mark.parametrize(
    ("limit", "path", "media", "begins", "ends"),
    [
        ("max_forecasts", "/forecast", "application/json", b"{", b"}"),
        ("max_batches", "/batch", "text/csv", b"yesterday,before,lead\n", b"50,50,0\n"),
    ],
)
def test_limits__forecasts_and_batches_have_one_of_their_own(
    start: Start, limit: str, path: str, media: str, begins: bytes, ends: bytes
) -> None:
    service = start(**{limit: 1})
    head = {"content-type": media, "content-length": str(len(begins + ends))}

    def slow() -> Iterator[bytes]:
        yield begins
        refused.append(httpx.post(service.url + path, content=begins + ends, headers=head))
        others.append(service.ask())
        yield ends

    refused: list[httpx.Response] = []
    others: list[httpx.Response] = []
    first = httpx.post(service.url + path, content=slow(), headers=head)

    assert first.status_code == 200, first.text
    assert (refused[0].status_code, refused[0].headers["retry-after"]) == (503, "1")
    assert f"1 requests to {path} are in work" in refused[0].json()["detail"]
    assert others[0].status_code == 200, "rows of features have the places of all"
