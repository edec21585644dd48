"""A worker must not outlive the process that started it: it would hold the port without anybody to stop it."""

import os
import signal
import threading
import time

POLL_SECONDS = 0.25


def end_with_parent() -> None:
    """End this process, in order, once its parent is gone."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(POLL_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent-watcher", daemon=True).start()
