"""`python -m flows.demo.guard PID`: when that process is gone, end the stack that it left; a kill leaves nothing behind."""

import contextlib
import signal
import sys

import psutil

from flows.stack.local import LocalStack
from model_code.settings import Settings
from services.rollout.local.service import LocalService


def main() -> None:
    """Wait for the process; SIGTERM says that it cleans up by itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(int(sys.argv[1])).wait()
    settings = Settings.load()
    LocalService(settings).stop()
    LocalStack(settings).down()


if __name__ == "__main__":
    main()
