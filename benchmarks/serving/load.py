"""Load from `wrk`: one process in C, so that the client is not what is measured."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).parent / "post.lua"
TIMEOUT_SECONDS = 10
BUSY = 0.95


@dataclass(frozen=True)
class Load:
    """What a client saw.

    Attributes:
        requests: Answers, whatever their status.
        seconds: How long it asked.
        p50, p99: Milliseconds.
        failed: Answers other than 200, broken connections and time-outs.
        client: Cores that the client itself was busy with.
    """

    requests: int
    seconds: float
    mean: float
    p50: float
    p90: float
    p99: float
    p999: float
    worst: float
    failed: int
    client: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds

    @property
    def saturated(self) -> bool:
        """Whether the client was the limit, so that nothing is said about the server."""
        return self.client >= BUSY


def need_wrk() -> None:
    """Stop with what to install where there is no `wrk`."""
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed (on Debian: apt-get install wrk)")


def ask(url: str, body: bytes, connections: int, seconds: float, headers: Sequence[str] = ()) -> Load:
    """Keep so many connections busy for so long; each asks again as soon as it is answered."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        file.write(body)
        file.flush()
        command = [
            "wrk",
            "-t",
            "1",
            "-c",
            str(connections),
            "-d",
            f"{max(1, round(seconds))}s",
            "--timeout",
            f"{TIMEOUT_SECONDS}s",
        ]
        command += ["-s", str(SCRIPT), url, "--", file.name, *headers]
        with tempfile.TemporaryFile() as output:
            child = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            told = output.read().decode()
    line = next((line for line in told.splitlines() if line.startswith("RESULT ")), None)
    if line is None:
        raise RuntimeError(f"wrk told nothing:\n{told[-2000:]}")
    return _load(json.loads(line.removeprefix("RESULT ")), used.ru_utime + used.ru_stime)


def _load(told: dict[str, float], cpu: float) -> Load:
    return Load(
        requests=int(told["requests"]),
        seconds=told["seconds"],
        mean=told["mean_us"] / 1e3,
        p50=told["p50_us"] / 1e3,
        p90=told["p90_us"] / 1e3,
        p99=told["p99_us"] / 1e3,
        p999=told["p999_us"] / 1e3,
        worst=told["max_us"] / 1e3,
        failed=int(told["refused"] + told["broken"] + told["late"]),
        client=cpu / told["seconds"],
    )
