"""The local stack: real processes, ended by every way that a command can end."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from flows.stack import daemon as daemon_module
from flows.stack.daemon import Daemon, Stat
from flows.stack.local import PARTS, LocalStack
from flows.stack.parts import Part, all_parts, allowed_hosts, answers, ask, environment, taken
from model_code.errors import ConfigurationError
from model_code.settings import Settings
from tests.conftest import missing as lacks

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 20.0
SLEEP = ("sleep", "600")


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.01)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    made = Daemon("sleeper", run=tmp_path / "run", logs=tmp_path / "logs")
    yield made
    made.stop(0.1)


def start(daemon: Daemon, *command: str) -> int:
    return daemon.start(command, dict(os.environ), daemon.run.parent)


def child_of(daemon: Daemon) -> int:
    until(lambda: daemon.tail().isdigit())
    return int(daemon.tail())


def test_stat__reads_a_name_with_spaces_and_parentheses() -> None:
    fields = ["S", "1", "7", "7", *"0" * 15, "4321", "0"]

    assert Stat.parse(f"7 (a (b) c) {' '.join(fields)}") == Stat(pid=7, state="S", session=7, started=4321)


def test_daemon__runs_in_a_session_of_its_own_until_stopped(daemon: Daemon) -> None:
    pid = start(daemon, *SLEEP)

    assert daemon.pid == pid
    assert os.getsid(pid) == pid
    assert daemon.stop() is True
    assert daemon.pid is None
    assert daemon.stop() is False
    assert not daemon.pid_file.exists()


def test_daemon__stop_ends_children_and_what_ignores_sigterm(daemon: Daemon) -> None:
    start(daemon, "/bin/sh", "-c", "trap '' TERM; sleep 600 & echo $!; wait; sleep 600")
    child = child_of(daemon)

    daemon.stop(0.2)

    until(lambda: Stat.of(child) is None)


def test_daemon__stop_finds_children_whose_leader_was_killed(daemon: Daemon) -> None:
    pid = start(daemon, "/bin/sh", "-c", "sleep 600 & echo $!; wait")
    child = child_of(daemon)
    os.kill(pid, signal.SIGKILL)
    until(lambda: Stat.of(pid) is None)

    assert daemon.pid is None
    assert daemon.stop() is True
    assert Stat.of(child) is None


def test_daemon__stop_spares_a_process_that_got_the_pid_later(daemon: Daemon) -> None:
    innocent = subprocess.Popen(SLEEP, start_new_session=True)
    text = Path(f"/proc/{innocent.pid}/stat").read_text()
    stat = Stat.parse(text)
    daemon.run.mkdir()
    daemon.pid_file.write_text(text.replace(f" {stat.started} ", f" {stat.started - 1} "))

    stopped = daemon.stop()

    alive = Stat.of(innocent.pid)
    innocent.kill()
    innocent.wait()
    assert (stopped, alive) == (False, stat)


def test_daemon__outlives_a_starter_that_is_killed(daemon: Daemon) -> None:
    code = f"""
import os, signal
from pathlib import Path
from flows.stack.daemon import Daemon
Daemon("sleeper", Path({str(daemon.run)!r}), Path({str(daemon.logs)!r})).start({SLEEP!r}, dict(os.environ), Path("/"))
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == -signal.SIGKILL

    assert daemon.pid is not None
    assert daemon.stop() is True


def test_daemon__tells_what_a_missing_program_said(daemon: Daemon) -> None:
    start(daemon, "/no/such/program")

    until(lambda: daemon.pid is None)
    assert "/no/such/program" in daemon.tail()


def test_daemon__gives_up_on_a_folder_that_takes_no_pid_file(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon_module, "RECORD_SECONDS", 0.2)
    daemon.pid_file.with_name(daemon.pid_file.name + ".new").mkdir(parents=True)

    with pytest.raises(ConfigurationError, match=r"sleeper did not start .*sleeper\.log"):
        start(daemon, *SLEEP)


def web_part(name: str, port: int) -> Part:
    command = (sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1")
    return Part(name, command, lambda: answers(f"http://127.0.0.1:{port}/"), port=port, setting=f"{name.upper()}_PORT")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def stack_of(home: Path, *parts: Part) -> LocalStack:
    return LocalStack(Settings(home=home), parts={part.name: part for part in parts})


def test_up__starts_all_parts_once_and_down_ends_them(tmp_path: Path) -> None:
    stack = stack_of(tmp_path, web_part("one", free_port()), web_part("two", free_port()))

    first = stack.up(["one", "two"])
    again = stack.up(["one", "two"])

    assert [state.ready for state in first] == [True, True]
    assert again == first == stack.status()
    assert stack.down() == ["two", "one"]
    assert [state.pid for state in stack.status()] == [None, None]
    assert stack.down() == []


def test_up__starts_again_what_was_killed_and_leaves_the_rest(tmp_path: Path) -> None:
    stack = stack_of(tmp_path, web_part("one", free_port()), web_part("two", free_port()))
    before = {state.name: state.pid for state in stack.up(["one", "two"])}
    os.kill(before["one"] or 0, signal.SIGKILL)
    until(lambda: stack.status(["one"])[0].pid is None)

    after = {state.name: state.pid for state in stack.up(["one", "two"])}

    stack.down()
    assert after["two"] == before["two"]
    assert after["one"] not in (None, before["one"])


def test_up__names_the_setting_of_a_taken_port_and_starts_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        port = somebody.getsockname()[1]
        stack = stack_of(tmp_path, web_part("one", free_port()), web_part("two", port))

        with pytest.raises(ConfigurationError, match=rf"port {port}, wanted by two, is taken.*EVENKEEL_TWO_PORT"):
            stack.up(["one", "two"])

        assert stack.down() == []
    assert not taken("127.0.0.1", port)


def test_up__shows_the_log_of_a_part_that_fails_and_ends_the_others(tmp_path: Path) -> None:
    broken = Part("broken", (sys.executable, "-c", "raise SystemExit('the disk is full')"), lambda: False)
    stack = stack_of(tmp_path, web_part("one", free_port()), broken)

    with pytest.raises(ConfigurationError, match=r"broken ended[\s\S]*the disk is full"):
        stack.up(["one", "broken"])

    assert stack.status(["one"])[0].pid is None


INTERRUPTED = """
import signal, sys
from pathlib import Path
from flows.stack.local import PARTS, LocalStack
from flows.stack.parts import Part
from model_code.settings import Settings
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job is born deaf to it
parts = {name: Part(name, ("sleep", "600"), lambda: False) for name in ("one", "two")}
LocalStack(Settings(home=Path(sys.argv[1])), parts=parts).up(["one", "two"])
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_up__interrupted_leaves_nothing_that_down_does_not_end(tmp_path: Path, number: signal.Signals) -> None:
    stack = stack_of(tmp_path, *(Part(name, SLEEP, lambda: True) for name in ("one", "two")))
    command = subprocess.Popen([sys.executable, "-c", INTERRUPTED, str(tmp_path)], cwd=ROOT, stderr=subprocess.DEVNULL)
    until(lambda: all(state.pid for state in stack.status()))

    command.send_signal(number)
    command.wait()

    left = [state.name for state in stack.status() if state.pid]
    assert left == (["one", "two"] if number == signal.SIGKILL else [])
    assert stack.down() == left[::-1]


def test_up__waits_for_no_other_command(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()

    with FileLock(tmp_path / "run" / "stack.lock"), pytest.raises(ConfigurationError, match="another command"):
        stack_of(tmp_path).up([])


def test_parts__state_port_and_setting_that_exist() -> None:
    settings = Settings()

    for part in all_parts(settings).values():
        if part.setting:
            assert getattr(settings, part.setting.lower()) == part.port


def test_stack__does_without_parts_that_are_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    stack = LocalStack(Settings(home=tmp_path))

    assert stack.absent == {"prometheus": "prometheus", "alertmanager": "prometheus-alertmanager"}
    assert {state.name for state in stack.status(PARTS)} == {*PARTS} - {*stack.absent}
    assert stack.down() == []


@pytest.mark.full
def test_stack__starts_what_watches_with_a_configuration_that_fits(tmp_path: Path) -> None:
    ports = {
        name: free_port() for name in ("exporter_port", "bridge_port", "prometheus_port", "alertmanager_port", "service_port")
    }
    stack, watching = (
        LocalStack(Settings(home=tmp_path, scrape_seconds=1, **ports)),
        ["exporter", "bridge", "alertmanager", "prometheus"],
    )
    if stack.absent:
        lacks(f"apt-get install {' '.join(stack.absent.values())}")
    target = f"http://127.0.0.1:{ports['prometheus_port']}/api/v1/query?query=sum(up)"

    try:
        assert all(state.ready for state in stack.up(watching))
        until(lambda: b'"2"]' in (ask(target) or b""))  # exporter and bridge; there is no service
    finally:
        assert set(stack.down()) == set(watching)


def test_parts__know_every_plain_process_in_the_order_of_their_start() -> None:
    named = [name for name in PARTS if name in all_parts(Settings())]

    assert named == [*all_parts(Settings())]
    assert {*PARTS} - {*named} <= {"service", "prometheus", "alertmanager"}


def test_up__prepares_a_part_before_it_starts(tmp_path: Path) -> None:
    part = replace(web_part("one", free_port()), prepare=(tmp_path / "prepared").touch)
    stack = stack_of(tmp_path, part)

    stack.up(["one"])
    stack.down()

    assert (tmp_path / "prepared").exists()


def test_environment__passes_settings_on_with_absolute_paths_and_no_telemetry(tmp_path: Path) -> None:
    settings = Settings(home=Path("somewhere"), prefect_port=4567)

    given = environment(settings)

    assert given["EVENKEEL_HOME"] == str(Path("somewhere").resolve())
    assert given["EVENKEEL_PREFECT_PORT"] == "4567"
    assert given["PREFECT_API_URL"] == "http://127.0.0.1:4567/api"
    assert given["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert given["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_allowed_hosts__list_each_name_with_and_without_port() -> None:
    assert allowed_hosts(Settings(host="box", mlflow_port=5001)).split(",") == [
        "box",
        "box:5001",
        "localhost",
        "localhost:5001",
        "127.0.0.1",
        "127.0.0.1:5001",
    ]
