"""`make e2e`: which cluster it takes, how long its tests may last, and what is told at the end."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

RUN = Path(__file__).parents[1] / "e2e" / "run"
Done = "subprocess.CompletedProcess[str]"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The script where its tests are a program that writes down that it ran, with a cluster of such programs beside it."""
    (tmp_path / "tests" / "e2e").mkdir(parents=True)
    shutil.copy(RUN, tmp_path / "tests" / "e2e" / "run")
    program(tmp_path / ".venv" / "bin" / "python", 'echo "tests $*" >> calls; exec sleep "${TESTS_LAST:-0}"')
    program(tmp_path / "bin" / "kubectl", '[ -e "$(dirname "$0")/../running" ]')
    shared = tmp_path / "shared" / "cluster"
    program(shared / "up", "echo up >> calls; touch running")
    program(shared / "down", "echo down >> calls; rm running")
    program(shared / "engine", "echo engine >> calls")
    program(shared / "env", 'echo "export KUBECONFIG=/shared/config"')
    return tmp_path


def program(path: Path, lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/bash\n{lines}\n")
    path.chmod(0o755)


def run(checkout: Path, **environment: str) -> Done:
    path = f"{checkout / 'bin'}:{os.environ['PATH']}"
    command = [str(checkout / "tests" / "e2e" / "run")]
    return subprocess.run(command, env={"PATH": path} | environment, capture_output=True, text=True, check=False, timeout=60)


def calls(checkout: Path) -> list[str]:
    written = checkout / "calls"
    return [line.split()[0] for line in written.read_text().splitlines()] if written.exists() else []


@pytest.mark.parametrize("shared", [{}, {"TEST_SHARED": "shared"}], ids=["alone", "beside another cluster"])
def test_run__refuses_a_cluster_that_no_image_reaches(checkout: Path, shared: dict[str, str]) -> None:
    done = run(checkout, KUBECONFIG="/mine/config", **shared)

    assert done.returncode == 2
    assert "/mine/config" in done.stderr
    assert "E2E_LOAD" in done.stderr
    assert calls(checkout) == []


def test_run__takes_the_cluster_of_kubeconfig(checkout: Path) -> None:
    (checkout / "running").touch()
    done = run(checkout, KUBECONFIG="/mine/config", E2E_LOAD="kind load docker-image", TEST_SHARED="shared")

    assert (done.returncode, calls(checkout)) == (0, ["tests"]), done.stderr
    assert "end to end in" in done.stdout


@pytest.mark.parametrize("named", [{}, {"KUBECONFIG": "/shared/config"}], ids=["", "by its own KUBECONFIG too"])
def test_run__leaves_a_cluster_that_ran_before(checkout: Path, named: dict[str, str]) -> None:
    (checkout / "running").touch()
    done = run(checkout, TEST_SHARED="shared", **named)

    assert (done.returncode, calls(checkout)) == (0, ["engine", "tests"]), done.stderr


def test_run__tells_starting_tests_and_ending_apart(checkout: Path) -> None:
    done = run(checkout, TEST_SHARED="shared")

    assert (done.returncode, calls(checkout)) == (0, ["up", "engine", "tests", "down"]), done.stderr
    last = done.stdout.splitlines()[-1]
    assert last.startswith("end to end in ")
    assert [part in last for part in ("starting the cluster ", "tests ", "ending the cluster ")] == [True] * 3


def test_run__ends_tests_that_hang_and_the_cluster_with_them(checkout: Path) -> None:
    done = run(checkout, TEST_SHARED="shared", TESTS_LAST="50", MINUTES="0.02")

    assert (done.returncode, calls(checkout)) == (124, ["up", "engine", "tests", "down"])
    assert "the tests were ended after 0.02 minutes" in done.stderr
