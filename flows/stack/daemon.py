"""A detached process with a session, a log and a pid file of its own, which a later command can find and end.

Linux only: what a pid stands for is read from /proc. The pid file is the process's own line of /proc/PID/stat, so that it
holds the start time too and a recycled pid is never taken for it.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from model_code.errors import ConfigurationError

# The process writes its pid file itself before it becomes the command: nothing is ever started that no file tells of.
RECORD = 'cat /proc/$$/stat > "$0.new" && mv "$0.new" "$0" && exec "$@"'
RECORD_SECONDS = 5.0
TAIL_LINES = 25


@dataclass(frozen=True)
class Stat:
    """What /proc/PID/stat says: `started` is in clock ticks since boot."""

    pid: int
    state: str
    session: int
    started: int

    @classmethod
    def parse(cls, text: str) -> "Stat":
        """From the file's text; the command's name in parentheses may hold anything."""
        pid, _, rest = text.partition(" (")
        fields = rest.rpartition(") ")[2].split()
        return cls(int(pid), fields[0], int(fields[3]), int(fields[19]))

    @classmethod
    def of(cls, pid: int) -> "Stat | None":
        """Of a running process; None if there is none (a zombie runs no more)."""
        try:
            stat = cls.parse(Path(f"/proc/{pid}/stat").read_text())
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if stat.state == "Z" else stat


@dataclass(frozen=True)
class Daemon:
    """A process known by its name; its files lie in `run` and `logs`.

    Args:
        name: Also of its files.
        run: Folder of pid files.
        logs: Folder of log files.
    """

    name: str
    run: Path
    logs: Path

    @property
    def log(self) -> Path:
        """Output and errors."""
        return self.logs / f"{self.name}.log"

    @property
    def pid_file(self) -> Path:
        """/proc/PID/stat of the process, when it started."""
        return self.run / f"{self.name}.pid"

    @property
    def pid(self) -> int | None:
        """Of the running process, or None."""
        recorded = self._recorded()
        now = Stat.of(recorded.pid) if recorded else None
        return now.pid if recorded and now and now.started == recorded.started else None

    def start(self, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> int:
        """Start the command in a session of its own and return its pid; it outlives its starter.

        Raises:
            ConfigurationError: It did not get as far as its pid file.
        """
        for path in (self.run, self.logs):
            path.mkdir(parents=True, exist_ok=True)
        self.pid_file.unlink(missing_ok=True)
        try:
            with self.log.open("ab") as log:
                subprocess.run(
                    ["setsid", "--fork", "/bin/sh", "-c", RECORD, str(self.pid_file), *command],
                    env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True,
                )  # fmt: skip
        finally:  # interrupted or not, return only when `stop` can find what was started
            recorded = self._await_record()
        if recorded is None:
            raise ConfigurationError(f"{self.name} did not start", hint=f"see {self.log}")
        return recorded.pid

    def stop(self, grace_seconds: float = 10.0) -> bool:
        """End the process and all that lives in its session: SIGTERM, then SIGKILL. False if nothing ran."""
        members = [*self._members()]
        deadline = time.monotonic() + grace_seconds
        self._signal(members, signal.SIGTERM)
        while (left := [*self._members()]) and time.monotonic() < deadline:
            time.sleep(0.05)
        while left:
            self._signal(left, signal.SIGKILL)
            time.sleep(0.02)
            left = [*self._members()]
        self.pid_file.unlink(missing_ok=True)
        return bool(members)

    def tail(self) -> str:
        """The last lines of its log."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-TAIL_LINES:])

    def _await_record(self) -> Stat | None:
        deadline = time.monotonic() + RECORD_SECONDS
        while (recorded := self._recorded()) is None and time.monotonic() < deadline:
            time.sleep(0.005)
        return recorded

    def _recorded(self) -> Stat | None:
        try:
            return Stat.parse(self.pid_file.read_text())
        except (FileNotFoundError, ValueError, IndexError):
            return None

    def _members(self) -> Iterator[int]:
        """Pids of the session, its leader first; the leader may be gone, its children not."""
        recorded = self._recorded()
        if recorded is None:
            return
        leader = Stat.of(recorded.pid)
        if leader is not None and leader.started != recorded.started:
            return  # the pid is somebody else's now, so the session ended long ago
        for entry in sorted(Path("/proc").iterdir(), key=lambda path: path.name != str(recorded.pid)):
            stat = Stat.of(int(entry.name)) if entry.name.isdigit() else None
            if stat is not None and stat.session == recorded.pid and stat.started >= recorded.started:
                yield stat.pid

    def _signal(self, pids: Sequence[int], number: signal.Signals) -> None:
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
