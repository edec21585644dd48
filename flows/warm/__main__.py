"""`python -m flows.warm serve --socket PATH`: the warm process, until SIGTERM."""

import argparse
import atexit
import contextlib
import os
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from flows.warm.engine import receive, run
from flows.warm.zygote import HEAVY, Zygote, preload


def main() -> None:
    """Import, then listen: a socket that is there belongs to a process that is warm."""
    parser = argparse.ArgumentParser(prog="python -m flows.warm")
    parser.add_argument("word", choices=["serve"])
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--preload", nargs="*", default=HEAVY, metavar="MODULE")
    options = parser.parse_args()
    options.socket.parent.mkdir(parents=True, exist_ok=True)
    preload(options.preload)
    connection = Zygote(options.socket).serve()
    if connection is not None:
        request = receive(connection)
        end(lambda: run(request)) if request else os._exit(0)


def end(work: Callable[[], None]) -> NoReturn:
    """Work, then end the forked process as the interpreter would, short of unloading libraries.

    Their destructors wait for threads that exist in the parent alone.
    """
    code: object = 0
    try:
        work()
    except SystemExit as asked:
        code = asked.code
    except BaseException:  # noqa: BLE001  # the outermost frame: what Python itself would print
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    if isinstance(code, str):
        print(code, file=sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(ValueError):  # the module closed it
            stream.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    main()
