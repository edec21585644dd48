"""`python -m services.keeping.mover --spool FOLDER`: empties a spool into the store of EVENKEEL_SQL_URL.

Started by a keeper, it ends when its standard input does, after moving what is there. It is a process of its own, so
that moving takes no time from answering; it imports little, so that it may stay.
"""

import argparse
import contextlib
import fcntl
import gc
import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from model_code.errors import StoreError
from services.keeping.mover_report import MoverReport
from services.keeping.moving import Moving
from services.keeping.open_sink import open_sink
from services.keeping.sink import URL
from services.keeping.spool_folder import SpoolFolder

LOCK = "mover.lock"
IDLE_SECONDS = 0.2
LAST_LOOKS = 3  # in vain, after the parent's end: it may close our standard input before it lets go of its segment
LOCK_SECONDS = 2.0  # keepers look at the lock for a moment, to see whether a mover is there
NICENESS = 5  # answers come first where cores are short; at a quarter of their weight it still keeps up
SLOWEST_SECONDS = 5.0  # between two attempts while the store is down


class Parent:
    """Whoever started this program and holds the other end of its standard input."""

    def __init__(self) -> None:
        self.gone = False

    def wait(self, seconds: float) -> None:
        """Wait; the parent's end cuts it short."""
        if self.gone:
            time.sleep(IDLE_SECONDS)
            return
        readable, _, _ = select.select([sys.stdin], [], [], seconds)
        if readable and not os.read(sys.stdin.fileno(), 4096):
            self.gone = True


def main(arguments: list[str] | None = None) -> int:
    """Move until the parent is gone and nothing can be moved any more.

    Returns:
        Exit status: 1 when something is left because the store takes nothing, else 0.
    """
    parser = argparse.ArgumentParser(description="Moves kept predictions from a spool into the store.")
    parser.add_argument("--spool", type=Path, required=True, help="the spool's folder")
    folder = SpoolFolder(parser.parse_args(arguments).spool)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for the service, whose end we see
    os.nice(NICENESS)
    parent = Parent()
    with _only_mover(folder.path / LOCK) as alone:
        return _move(folder, parent, os.environ[URL]) if alone else 0


def _move(folder: SpoolFolder, parent: Parent, url: str) -> int:
    sink = open_sink(url)
    moving = Moving(folder, sink)
    report = MoverReport(folder.path)
    gc.freeze()
    pause, last_looks = IDLE_SECONDS, 0
    try:
        while True:
            alone = parent.gone  # before the look: what it held to its end may only be seen afterwards
            try:
                last_looks = last_looks + 1 if not moving.move_all() and alone else 0
            except (StoreError, OSError) as error:
                report.store_is_down(str(error), moving.moved)
                if parent.gone:
                    return 1
                pause = min(pause * 2, SLOWEST_SECONDS)
            else:
                report.store_is_up(moving.moved)
                if last_looks >= LAST_LOOKS:
                    return 0
                pause = IDLE_SECONDS
            parent.wait(pause)
    finally:
        sink.close()


@contextlib.contextmanager
def _only_mover(path: Path) -> Iterator[bool]:
    """Whether this is the spool's only mover; the system frees the lock when its owner dies."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield _locked(file)
    finally:
        os.close(file)


def _locked(file: int) -> bool:
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        else:
            return True


if __name__ == "__main__":
    sys.exit(main())
