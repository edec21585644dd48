"""A worker must not outlive the process that started it: it would hold the port without anybody to stop it."""

import os
import signal
import threading
import time

PARENT = "FORECASTER_PARENT"  # process id of the supervisor, which tells it to its workers
POLL_SECONDS = 0.25
watched = True  # a service that is one process alone may outlive whoever started it


def end_with_parent() -> None:
    """End this process, in order, once its parent is gone; nothing where the process stands alone."""
    if not watched:
        return
    # Told, not asked: a supervisor that died while this process was starting is no parent any more.
    parent = int(os.environ.get(PARENT) or os.getppid())

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(POLL_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent-watcher", daemon=True).start()
