"""Rollout to a local process: found again, replaced after a kill, never mistaken for another process."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from model_code.errors import RolloutError
from model_code.usecase import load_usecase
from services.refusal import reason_in
from services.rollout.local.process import ProcessFile, alone, end, start_detached, start_recorded, tail
from services.rollout.local.service import LocalService
from tests.services import tiny
from tests.services.conftest import Served, installation

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"


def test_deploy__twice_is_one_process(served: Served) -> None:
    before = served.target.status()

    after = LocalService(served.place.settings).deploy(served.place.usecase)

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
            LocalService(place.settings).deploy(place.usecase)

    assert not LocalService(place.settings).status().running


def test_deploy__port_of_another_use_case_is_refused(served: Served) -> None:
    other = load_usecase("demand_victoria", served.place.settings)

    with pytest.raises(RolloutError, match="taken by the service of tiny_load"):
        served.target.start(other)


def test_deploy__without_a_promotion_starts_nothing(tmp_path: Path) -> None:
    place = installation(tmp_path)

    with pytest.raises(RolloutError, match="no bundle of tiny_load is promoted"):
        LocalService(place.settings).deploy(place.usecase)

    assert not LocalService(place.settings).status().running


def test_deploy__that_ends_at_once_shows_the_end_of_its_log(tmp_path: Path) -> None:
    place = installation(tmp_path)
    place.pointers.move(tiny.NAME, "0" * 64, None)
    shutil.rmtree(tmp_path / "usecases")

    with pytest.raises(RolloutError, match=r"(?s)the service ended.*no use case 'tiny_load'"):
        LocalService(place.settings).deploy(place.usecase)


def test_wait_ready__bundle_that_does_not_come_tells_why(served: Served) -> None:
    with pytest.raises(RolloutError, match=r"bundle 111111111111 does not answer after 0\.2 s"):
        served.target.wait_ready("1" * 64, timeout=0.2)


def test_deploy__refused_bundle_fails_at_once_with_the_reason(served: Served) -> None:
    altered = "0" * 64
    folder = served.place.bundles.folder
    shutil.copytree(folder / served.naive, folder / altered)
    served.place.pointers.move(tiny.NAME, altered, served.ridge)
    try:
        with pytest.raises(RolloutError, match=r"bundle 000000000000 is refused: .*its manifest has the hash"):
            served.target.deploy(served.place.usecase, timeout=600.0)
        assert served.target.status().bundle == served.ridge
    finally:
        shutil.rmtree(folder / altered)


def test_deploy__bundle_that_was_put_right_is_not_failed_for_its_old_refusal(served: Served) -> None:
    folder = served.place.bundles.folder
    served.target.stop()  # a service that has had this bundle may hold it still
    served.target.deploy(served.place.usecase)
    (folder / served.naive).rename(folder / "aside")
    served.place.pointers.move(tiny.NAME, served.naive, served.ridge)
    try:
        while "is refused" not in served.target.status().reason:
            time.sleep(0.05)
    finally:
        (folder / "aside").rename(folder / served.naive)

    assert served.target.deploy(served.place.usecase).bundle == served.naive


def test_deploy__first_bundle_that_is_missing_fails_at_once(tmp_path: Path) -> None:
    place = installation(tmp_path)
    place.pointers.move(tiny.NAME, "0" * 64, None)
    target = LocalService(place.settings)
    try:
        with pytest.raises(RolloutError, match="bundle 000000000000 is refused: no bundle 000000000000 in"):
            target.deploy(place.usecase, timeout=600.0)
        assert reason_in(Path(target.status().log).read_text()).startswith("bundle 000000000000 is refused: no bundle")
    finally:
        target.stop()


def test_stop__recycled_process_id_is_left_alone(tmp_path: Path) -> None:
    settings = tiny.settings_for(tmp_path, tmp_path, 1)
    stranger = start_detached([sys.executable, "-c", "import time; time.sleep(600)"], {}, tmp_path / "log")
    try:
        file = tmp_path / "run" / "service-1.json"
        file.parent.mkdir()
        stat = Path(f"/proc/{stranger.pid}/stat").read_text().split()
        stat[21] = str(int(stat[21]) - 1)  # started a tick earlier
        file.write_text(ProcessFile(usecase=tiny.NAME, stat=" ".join(stat)).model_dump_json())

        target = LocalService(settings)
        assert not target.status().running
        target.stop()

        assert stranger.is_running()
        assert not file.exists()
    finally:
        stranger.kill()
        stranger.wait()


def test_stop__of_nothing_is_fine(tmp_path: Path) -> None:
    LocalService(tiny.settings_for(tmp_path, tmp_path, 1)).stop()


def test_end__kills_what_does_not_listen(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = start_detached([sys.executable, "-c", STUBBORN], {}, log)
    while "up" not in tail(log):
        time.sleep(0.02)

    end(process, grace=0.2)

    assert not process.is_running()


def test_process_file__tells_of_the_command_once_it_is_started(tmp_path: Path) -> None:
    file = tmp_path / "run" / "file"
    with alone(tmp_path / "run" / "lock") as lock:
        command = [sys.executable, "-c", "import time; time.sleep(600)", 'it\'s "quoted"']
        process = start_recorded(command, {"PATH": os.environ["PATH"]}, tmp_path / "log", file, tiny.NAME, lock)
    try:
        known = ProcessFile.read(file)
        assert known is not None
        assert (known.process(), known.usecase) == (process, tiny.NAME)
        while process.cmdline() != command:
            time.sleep(0.01)
        with alone(tmp_path / "run" / "lock"):  # or this would wait for ever: the command must not hold it
            pass
    finally:
        end(process, 5.0)
    assert known.process() is None


KILLED = """
import os, signal, sys
from pathlib import Path
from services.rollout.local.process import alone, start_recorded

real = os.posix_spawn
def killed(*args, **kwargs):
    real(*args, **kwargs)
    os.kill(os.getpid(), signal.SIGKILL)
os.posix_spawn = killed
folder = Path(sys.argv[1])
with alone(folder / "lock") as lock:
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    start_recorded(command, dict(os.environ), folder / "log", folder / "file", "tiny_load", lock)
"""


def test_start__killed_right_after_the_start_leaves_no_process_untold(tmp_path: Path) -> None:
    starter = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=Path(__file__).parents[2], check=False)

    assert starter.returncode == -signal.SIGKILL
    with alone(tmp_path / "lock"):  # what a second starter does first
        known = ProcessFile.read(tmp_path / "file")
    assert known is not None
    process = known.process()
    assert process is not None
    end(process, 5.0)


@pytest.mark.parametrize("content", ["", "{", '{"usecase": "tiny_load"}', '{"usecase": "tiny_load", "stat": "1 (sh) S"}'])
def test_process_file__damaged_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "file").write_text(content)

    assert ProcessFile.read(tmp_path / "file") is None
