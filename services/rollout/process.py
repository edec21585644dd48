"""A detached process that a later command finds again, and never mistakes another one for it."""

import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import psutil
from pydantic import BaseModel, ConfigDict


class ProcessFile(BaseModel):
    """Which process it is: a number alone may be another process by now, with its start time it is not.

    Attributes:
        pid: Process id.
        started: Its start time as the system tells it (seconds since 1970).
        usecase: What it serves.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    pid: int
    started: float
    usecase: str

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """What the file says; None when there is none or it is not understood."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except (FileNotFoundError, ValueError):
            return None

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(f".{os.getpid()}")
        beside.write_text(self.model_dump_json())
        beside.replace(path)

    def process(self) -> psutil.Process | None:
        """The process, if it is still the one that was started."""
        try:
            process = psutil.Process(self.pid)
            same = process.create_time() == self.started and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return None
        return process if same else None


def start_detached(command: Sequence[str], environment: Mapping[str, str], log: Path) -> psutil.Process:
    """Start a process in a session of its own, its output appended to `log`; it outlives the caller."""
    log.parent.mkdir(parents=True, exist_ok=True)
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    pid = os.posix_spawn(
        command[0],
        list(command),
        dict(environment),
        setsid=True,
        setsigmask=[],
        setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE],
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), append, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
    )
    return psutil.Process(pid)


def end(process: psutil.Process, grace: float) -> None:
    """Ask the process to end; whoever of it and its children is left after `grace` seconds is killed."""
    try:
        family = [process, *process.children(recursive=True)]
        process.terminate()
    except psutil.NoSuchProcess:
        return
    _, left = psutil.wait_procs(family, timeout=grace)
    for one in left:
        one.kill()  # psutil compares the start time first
    psutil.wait_procs(left, timeout=grace)


def tail(log: Path, lines: int = 20) -> str:
    """The last lines of a log; empty when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 20_000))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""
