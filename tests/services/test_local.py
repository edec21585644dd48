"""Rollout to a local process: found again, replaced after a kill, never mistaken for another process."""

import shutil
import socket
import sys
import time
from pathlib import Path

import psutil
import pytest

from model_code.errors import RolloutError
from model_code.usecase import load_usecase
from services.rollout.local import LocalTarget
from services.rollout.process import ProcessFile, end, start_detached, tail
from tests.services import tiny
from tests.services.conftest import Served, installation

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"


def test_deploy__twice_is_one_process(served: Served) -> None:
    before = served.target.status()

    after = LocalTarget(served.place.settings).deploy(served.place.usecase)

    assert before.running
    assert after == before
    assert (after.ready, after.bundle, after.version, after.usecase) == (True, served.ridge, "1", tiny.NAME)


def test_deploy__after_kill_9_of_the_server_serves_again_on_the_same_port(served: Served) -> None:
    before = served.target.status()
    assert before.pid is not None
    worker = psutil.Process(before.pid).children()[0]
    server = psutil.Process(before.pid)
    server.kill()
    server.wait(10)

    after = served.target.deploy(served.place.usecase)

    assert after.pid != before.pid
    assert after.bundle == served.ridge
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE


def test_deploy__port_of_another_program_is_named_with_its_setting(tmp_path: Path) -> None:
    place = installation(tmp_path)
    place.pointers.move(tiny.NAME, "0" * 64, None)
    with socket.socket() as other:
        other.bind(("127.0.0.1", place.settings.service_port))
        other.listen()

        with pytest.raises(RolloutError, match=rf"port {place.settings.service_port} .* another program .*EVENKEEL_SERVICE_PORT"):
            LocalTarget(place.settings).deploy(place.usecase)

    assert not LocalTarget(place.settings).status().running


def test_deploy__port_of_another_use_case_is_refused(served: Served) -> None:
    other = load_usecase("demand_victoria", served.place.settings)

    with pytest.raises(RolloutError, match="taken by the service of tiny_load"):
        served.target.start(other)


def test_deploy__without_a_promotion_starts_nothing(tmp_path: Path) -> None:
    place = installation(tmp_path)

    with pytest.raises(RolloutError, match="no bundle of tiny_load is promoted"):
        LocalTarget(place.settings).deploy(place.usecase)

    assert not LocalTarget(place.settings).status().running


def test_deploy__that_ends_at_once_shows_the_end_of_its_log(tmp_path: Path) -> None:
    place = installation(tmp_path)
    place.pointers.move(tiny.NAME, "0" * 64, None)
    shutil.rmtree(tmp_path / "usecases")

    with pytest.raises(RolloutError, match=r"(?s)the service ended.*no use case 'tiny_load'"):
        LocalTarget(place.settings).deploy(place.usecase)


def test_wait_ready__bundle_that_does_not_come_tells_why(served: Served) -> None:
    with pytest.raises(RolloutError, match=r"bundle 111111111111 does not answer after 0\.2 s"):
        served.target.wait_ready("1" * 64, timeout=0.2)


def test_stop__recycled_process_id_is_left_alone(tmp_path: Path) -> None:
    settings = tiny.settings_for(tmp_path, tmp_path, 1)
    stranger = start_detached([sys.executable, "-c", "import time; time.sleep(600)"], {}, tmp_path / "log")
    try:
        file = tmp_path / "run" / "service-1.json"
        ProcessFile(pid=stranger.pid, started=stranger.create_time() - 1, usecase=tiny.NAME).write(file)

        target = LocalTarget(settings)
        assert not target.status().running
        target.stop()

        assert stranger.is_running()
        assert not file.exists()
    finally:
        stranger.kill()
        stranger.wait()


def test_stop__of_nothing_is_fine(tmp_path: Path) -> None:
    LocalTarget(tiny.settings_for(tmp_path, tmp_path, 1)).stop()


def test_end__kills_what_does_not_listen(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = start_detached([sys.executable, "-c", STUBBORN], {}, log)
    while "up" not in tail(log):
        time.sleep(0.02)

    end(process, grace=0.2)

    assert not process.is_running()


@pytest.mark.parametrize("content", ["", "{", '{"pid": 1}'])
def test_process_file__damaged_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "file").write_text(content)

    assert ProcessFile.read(tmp_path / "file") is None
