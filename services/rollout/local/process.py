"""A detached process that a later command finds again, and never mistakes another one for it."""

import fcntl
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import psutil
from pydantic import BaseModel, ConfigDict, Field

LOCK_DESCRIPTOR = 9
# What runs first in the new process: it writes its file, and then becomes the command, without the lock.
RECORD = (
    """printf '{"usecase":"%s","stat":"%s"}' "$1" "$(cat /proc/$$/stat)" >"$0.new" && mv "$0.new" "$0" && """
    f'shift && exec "$@" {LOCK_DESCRIPTOR}>&-'
)
RECORD_POLL_SECONDS = 0.005


class ProcessFile(BaseModel):
    """Which process it is: a number alone may be another process by now, with its start time it is not.

    Attributes:
        usecase: What it serves.
        stat: Its line of /proc/PID/stat when it started.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    usecase: str
    stat: str = Field(pattern=r"^\d+ \(.*\) \w( -?\d+)+\s*$")

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """What the file says; None when there is none or it is not understood."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except (FileNotFoundError, ValueError):
            return None

    def process(self) -> psutil.Process | None:
        """The process, if it is still the one that was started."""
        pid = int(self.stat.partition(" ")[0])
        try:
            now = Path(f"/proc/{pid}/stat").read_text()
            same = _started(now) == _started(self.stat) and _state(now) != "Z"
            return psutil.Process(pid) if same else None
        except (FileNotFoundError, ProcessLookupError, psutil.NoSuchProcess):
            return None


@contextmanager
def alone(lock: Path) -> Iterator[int]:
    """Hold a lock among programs; the kernel frees it when its last holder closes it or dies.

    Returns:
        Its descriptor: a process that gets a copy holds the lock too.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def start_recorded(
    command: Sequence[str], environment: Mapping[str, str], log: Path, file: Path, usecase: str, lock: int
) -> psutil.Process:
    """Start a detached process that tells of itself in `file`, and return once it has.

    Killed at any moment, the caller leaves no process that its file does not tell of: the process writes the file
    before it becomes the command, and keeps the lock until then.

    Args:
        usecase: What it serves.
        lock: Descriptor of the lock under which the file is written.
    """
    recording = ["/bin/sh", "-c", RECORD, str(file), usecase, *command]
    file.unlink(missing_ok=True)
    process = start_detached(recording, environment, log, [(os.POSIX_SPAWN_DUP2, lock, LOCK_DESCRIPTOR)])
    while (known := ProcessFile.read(file)) is None or known.process() != process:
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            break  # it ended already, perhaps before it could write: the log tells why
        time.sleep(RECORD_POLL_SECONDS)
    return process


def start_detached(
    command: Sequence[str], environment: Mapping[str, str], log: Path, descriptors: Sequence[tuple[int, ...]] = ()
) -> psutil.Process:
    """Start a process in a session of its own, its output appended to `log`; it outlives the caller.

    Args:
        descriptors: More of `posix_spawn`'s file actions.
    """
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
            *descriptors,
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


def _state(stat: str) -> str:
    return stat.rpartition(") ")[2].split()[0]


def _started(stat: str) -> int:
    """Clock ticks since the machine's start."""
    return int(stat.rpartition(") ")[2].split()[19])
