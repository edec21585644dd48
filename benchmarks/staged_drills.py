"""Drills through a Prefect server: each is `make drill NAME=… PREFECT=1`, a process with its own stack, judged by its exit code."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any

RIGHT, WRONG = 0, 1


def staged_of(names: Iterable[str], seed: int = 1) -> list[tuple[str, int]]:
    """What Prefect plays: of each drill one seed."""
    return [(name, seed) for name in names]


def play_staged(
    drills: Sequence[tuple[str, int]], *, minutes: float | None = None, python: str = sys.executable
) -> Iterator[tuple[tuple[str, int], dict[str, Any]]]:
    """One after another; none is begun after so many minutes. One that stopped by itself has no outcome, and is told.

    Args:
        python: The interpreter of the drills.
    """
    until = float("inf") if minutes is None else time.monotonic() + 60 * minutes
    for drill in drills:
        if time.monotonic() >= until:
            return
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            code, told = _run(*drill, folder, python)
        if code in (RIGHT, WRONG):
            yield drill, outcome_of(code, told) | {"seconds": round(time.monotonic() - began, 1), "day": date.today().isoformat()}
        else:
            print(f"{'/'.join(map(str, drill))} stopped with {code}: {told[-1] if told else 'nothing said'}", flush=True)


def outcome_of(code: int, told: Sequence[str]) -> dict[str, Any]:
    """What a drill's process said: its exit code, and its findings and harms line by line."""
    findings = [line for line in told if line.startswith(("ok  ", "NOT "))]
    return {
        "right": code == RIGHT,
        "harms": [line.removeprefix("HARM ") for line in told if line.startswith("HARM ")],
        "unmet": [line for line in findings if line.startswith("NOT ")],
        "findings": len(findings),
    }


def _run(name: str, seed: int, folder: str, python: str) -> tuple[int, list[str]]:
    command = [python, "-m", "flows.drill", name, "--seed", str(seed), "--home", f"{folder}/home", "--prefect"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        try:
            told, _ = running.communicate()
        except BaseException:
            running.terminate()  # it ends its stack; left alone it would play on
            running.communicate()  # read to its end: by a closed pipe its last words would end it before its stack
            raise
    return running.returncode, told.splitlines()
