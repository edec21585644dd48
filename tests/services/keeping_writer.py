"""A program that keeps records as fast as it can and tells each one that was acknowledged; made to be killed.

`python -m tests.services.keeping_writer FOLDER NAME MOST [BYTES]`: a spool in FOLDER moved into EVENKEEL_SQL_URL, records
NAME-0, NAME-1, … up to MOST, then it waits to be killed; the number of each acknowledged one as four bytes on standard output. With BYTES, no file of this process may
grow beyond so many bytes once a record was moved, until a line comes in; it ends at the second line.
"""

import os
import resource
import struct
import sys
import threading
from pathlib import Path

from services.keeping.keeper import SpoolFull
from services.keeping.spool import SpoolKeeper
from tests.services.keeping import record

REFUSED = 0xFFFFFFFF  # told once each time that records begin to be refused


def main() -> None:
    """Keep and tell."""
    folder, name, most = sys.argv[1:4]
    keeper = SpoolKeeper(Path(folder), os.environ["EVENKEEL_SQL_URL"], bound=256 << 20)
    ended = threading.Event()
    if len(sys.argv) > 4:
        limit_files(int(sys.argv[4]), keeper, ended)
    number, refusing = 0, False
    while not ended.is_set():
        if number == int(most):
            ended.wait()
            break
        try:
            keeper.keep(record(f"{name}-{number}", 1))
        except SpoolFull:
            if not refusing:
                os.write(1, struct.pack("<I", REFUSED))
            refusing = True
            ended.wait(0.01)
        else:
            os.write(1, struct.pack("<I", number))
            number, refusing = number + 1, False
    keeper.close()


def limit_files(size: int, keeper: SpoolKeeper, ended: threading.Event) -> None:
    """Let no file grow beyond `size` from the first record on, until a line is read; end at the second line."""
    keeper.keep(record("first"))
    while keeper.standing.pending_bytes or keeper.find("demand", "first"):
        ended.wait(0.05)
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))

    def listen() -> None:
        sys.stdin.readline()
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        sys.stdin.readline()
        ended.set()

    threading.Thread(target=listen, daemon=True).start()


if __name__ == "__main__":
    main()
