"""`python -m services.forecaster`: the command, with an answer to SIGTERM before anything else is imported."""

import os
import signal
import sys

if __name__ == "__main__":
    # The first process of a container does not end by a signal that it has no handler for, and until the server has its
    # own, imports take a second: a pod that was deleted in it stayed for its whole grace period.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))

    from services.forecaster.command import run

    sys.exit(run())
