"""Warm starts: what a run started from the warm process may not tell from one started cold."""

import json
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flows.warm.zygote import preload

ROOT = Path(__file__).parent.parent.parent
LAUNCH = [sys.executable, "-I", "-S", str(ROOT / "flows" / "warm" / "launch.py")]
PATIENCE = 20.0


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.01)


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def start_zygote(path: Path, *preloaded: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "flows.warm", "serve", "--socket", str(path), "--preload", *preloaded]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def end(zygote: "subprocess.Popen[str]") -> None:
    zygote.kill()
    zygote.communicate()


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("warm") / "zygote.sock"
    zygote = start_zygote(path, "numpy", "json")
    until(path.is_socket)
    yield path
    end(zygote)


def launch(path: Path, folder: Path, code: str, *arguments: str, **options: object) -> "subprocess.Popen[str]":
    (folder / "job.py").write_text(code)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([*LAUNCH, str(path), "job", *arguments], cwd=folder, text=True, **(pipes | options))  # type: ignore[call-overload,no-any-return]


def test_launch__gives_the_run_streams_environment_folder_and_arguments(warm: Path, tmp_path: Path) -> None:
    code = """
import json, os, sys
print(json.dumps([__name__, sys.argv[1:], os.getcwd(), dict(os.environ), sys.stdin.read()]))
print("to stderr", file=sys.stderr)
raise SystemExit(7)
"""
    client = launch(warm, tmp_path, code, "one", "two words", env={"ONLY": "this", "LC_ALL": "C.UTF-8"})

    out, err = client.communicate("typed")

    name, arguments, folder, environment, typed = json.loads(out)
    assert (name, arguments, folder, typed) == ("__main__", ["one", "two words"], str(tmp_path), "typed")
    assert environment == {"ONLY": "this", "LC_ALL": "C.UTF-8"}
    assert err == "to stderr\n"
    assert client.returncode == 7


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        ("", 0, ""),
        ("raise SystemExit('no')", 1, "no\n"),
        ("1 / 0", 1, "ZeroDivisionError"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL, ""),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM, ""),
        ("import atexit; atexit.register(print, 'at exit')", 0, ""),
        ("import sys; sys.stdout.close()", 0, ""),
    ],
)
def test_launch__ends_as_the_run_ends(warm: Path, tmp_path: Path, code: str, status: int, said: str) -> None:
    client = launch(warm, tmp_path, code)

    out, err = client.communicate()

    assert client.returncode == status
    assert said in err
    assert out == ("at exit\n" if "atexit" in code else "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_launch__passes_signals_on(warm: Path, tmp_path: Path, number: signal.Signals) -> None:
    code = f"""
import signal, sys, time
signal.signal({int(number)}, lambda *_: sys.exit(9))
print("armed", flush=True)
time.sleep({PATIENCE})
"""
    client = launch(warm, tmp_path, code)
    assert client.stdout is not None
    client.stdout.readline()

    client.send_signal(number)
    client.communicate()

    assert client.returncode == 9


def test_launch__killed_takes_the_run_with_it(warm: Path, tmp_path: Path) -> None:
    client = launch(warm, tmp_path, "import os, time; print(os.getpid(), flush=True); time.sleep(60)")
    assert client.stdout is not None
    child = int(client.stdout.readline())
    assert runs(child)

    client.kill()
    client.communicate()

    until(lambda: not runs(child))


def test_launch__without_a_warm_process_runs_cold(tmp_path: Path) -> None:
    client = launch(tmp_path / "nobody.sock", tmp_path, "import sys; print(sys.argv[1:], __name__)", "x")

    out, _ = client.communicate()

    assert (out, client.returncode) == ("['x'] __main__\n", 0)


def test_launch__falls_back_when_the_warm_process_goes_before_it_answers(tmp_path: Path) -> None:
    path = tmp_path / "rude.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    client = launch(path, tmp_path, "print('cold')")
    listener.accept()[0].close()

    out, _ = client.communicate()

    listener.close()
    assert (out, client.returncode) == ("cold\n", 0)


def test_zygote__runs_the_code_that_is_on_disk_now(warm: Path, tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    for text in ("first", "second"):
        (tmp_path / "flows" / "__init__.py").write_text(f"text = {text!r}")
        assert launch(warm, tmp_path, "import flows; print(flows.text)").communicate()[0] == f"{text}\n"


def test_zygote__children_draw_different_numbers(warm: Path, tmp_path: Path) -> None:
    code = "import random, sys; print(random.random(), sys.modules['numpy'].random.random())"

    drawn = [launch(warm, tmp_path, code).communicate()[0].split() for _ in range(2)]

    assert not set(drawn[0]) & set(drawn[1])


def test_zygote__serves_many_at_once(warm: Path, tmp_path: Path) -> None:
    clients = [launch(warm, tmp_path, "import sys; print(sys.stdin.read())") for _ in range(6)]

    said = [client.communicate(str(number))[0] for number, client in reversed([*enumerate(clients)])]

    assert said == [f"{number}\n" for number in reversed(range(6))]


def test_zygote__admits_its_user_alone(warm: Path) -> None:
    assert stat.S_IMODE(warm.stat().st_mode) == 0o600


def test_zygote__survives_a_client_that_asks_for_nothing(warm: Path, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.connect(str(warm))

    assert launch(warm, tmp_path, "print('alive')").communicate()[0] == "alive\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_zygote__ends_its_runs_when_it_ends(tmp_path: Path, number: signal.Signals) -> None:
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    path = folder / "zygote.sock"
    zygote = start_zygote(path)
    until(path.is_socket)
    client = launch(path, tmp_path, "import os, time; print(os.getpid(), flush=True); time.sleep(60)")
    assert client.stdout is not None
    child = int(client.stdout.readline())

    zygote.send_signal(number)
    _, said = zygote.communicate()
    client.communicate()

    until(lambda: not runs(child))
    assert client.returncode != 0
    assert "Traceback" not in said
    assert path.exists() == (number == signal.SIGKILL)


def test_zygote__takes_the_place_of_one_that_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "zygote.sock"
    first = start_zygote(path)
    until(path.is_socket)
    end(first)
    second = start_zygote(path)
    code = f"import os; print(os.getppid() == {second.pid})"

    try:
        until(lambda: launch(path, tmp_path, code).communicate()[0] == "True\n")
    finally:
        end(second)


def test_preload__refuses_to_fork_beside_threads() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, name="somebody")
    thread.start()

    try:
        with pytest.raises(RuntimeError, match="somebody"):
            preload(["json"])
    finally:
        stop.set()
        thread.join()
