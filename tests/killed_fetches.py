"""`python -m tests.killed_fetches URL HASH FOLDER`: fetch a bundle again and again, killed three steps later each time.

A program of its own, since the object store's client has threads, which a forked child would lack.
"""

import os
import signal
import sys
from pathlib import Path

from model_code.bundle_store import BundleStore
from tests.unit.test_bundle_writers import MOST_CALLS, in_child, killed_at, names

ALWAYS = {".lock", ".fetch.lock"}


def main(url: str, wanted: str, folder: str) -> None:
    """Each killed fetch leaves the whole bundle or none, and the next fetch makes it good."""
    states = []
    for call in range(1, 2 * MOST_CALLS, 3):
        root = Path(folder) / f"killed-{call}"

        def fetch(root: Path = root) -> None:
            BundleStore(url, cache=root).load(wanted)

        code = in_child(lambda call=call, fetch=fetch: (killed_at(call), fetch()))
        if code == 0:
            break
        assert code == -signal.SIGKILL, code
        states.append(wanted in names(root))
        assert states[-1] or any(name.startswith(".") for name in names(root)) or not names(root)
        assert in_child(fetch) == 0
        assert names(root) == ALWAYS | {wanted}, names(root)
    assert code == 0, "too few calls: the last fetch was killed too"
    assert len(states) > 5, states
    assert not states[0], states
    print(len(states))


if __name__ == "__main__":
    main(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(0)
