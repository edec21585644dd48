"""What a server costs: the CPU and the memory of every process that belongs to it, wherever it hangs in the tree."""

import os
import re
import signal
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

MARK = "BENCH_TREE"
PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)
NOW = re.compile(r"^VmRSS:\s+(\d+) kB", re.MULTILINE)


class Tree:
    """The processes that inherited a mark in their environment: children that were adopted by others count too.

    Args:
        mark: Text that no other run has.
    """

    def __init__(self, mark: str) -> None:
        self._line = f"{MARK}={mark}".encode()

    def processes(self) -> list[psutil.Process]:
        """Those that live now."""
        found = []
        for process in psutil.process_iter():
            try:
                if self._line in Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0"):
                    found.append(process)
            except (OSError, psutil.Error):
                continue
        return found

    def cpu(self) -> float:
        """Seconds so far, of children that have ended and were waited for too."""
        total = 0.0
        for process in self.processes():
            try:
                told = process.cpu_times()
            except psutil.Error:
                continue
            total += told.user + told.system + told.children_user + told.children_system
        return total

    def memory(self) -> dict[str, float]:
        """MB: `pss` (shared pages by their share), `uss` (what would be freed at its end), and how many processes."""
        told = []
        for process in self.processes():
            try:
                told.append(process.memory_full_info())
            except psutil.Error:
                continue
        return {"pss": sum(one.pss for one in told) / 1e6, "uss": sum(one.uss for one in told) / 1e6, "processes": len(told)}

    def forget_peaks(self) -> dict[int, float]:
        """Let the kernel count peaks from here on; MB of each process now."""
        now = {}
        for process in self.processes():
            try:
                Path(f"/proc/{process.pid}/clear_refs").write_text("5")
                now[process.pid] = _megabytes(process.pid, NOW)
            except (OSError, psutil.Error):
                continue
        return now

    def peak_over(self, before: Mapping[int, float]) -> float:
        """MB: the sum of every process's peak over what it held before (all of it for one that is new)."""
        total = 0.0
        for process in self.processes():
            try:
                total += _megabytes(process.pid, PEAK) - before.get(process.pid, 0.0)
            except (OSError, psutil.Error):
                continue
        return total

    def end(self, seconds: float = 10.0) -> None:
        """Ask the processes to end, then end them."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            for process in self.processes():
                _signal(process.pid, number)
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                if not self.processes():
                    return
                time.sleep(0.05)

    def kill(self) -> None:
        """`kill -9` to all of them at once."""
        for process in self.processes():
            _signal(process.pid, signal.SIGKILL)


def _megabytes(pid: int, field: re.Pattern[str]) -> float:
    found = field.search(Path(f"/proc/{pid}/status").read_text())
    return int(found.group(1)) * 1024 / 1e6 if found else 0.0


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
