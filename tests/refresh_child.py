"""A refresh in a process of its own, to be killed: `python tests/refresh_child.py STORE [NTH-CALL]`.

With a number it kills itself with SIGKILL just before that call of the source or the store.
"""

import os
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

import store_cases as cases  # noqa: E402

from model_code.data import plan  # noqa: E402
from model_code.data.refresh import refresh  # noqa: E402
from model_code.data.store import ObservationStore  # noqa: E402

NOW = cases.START + timedelta(days=12)
USECASE = cases.usecase_of(["a", "b"], column={"max_step": 5, "sentinels": [-200.0]})


def rows() -> pd.DataFrame:
    """Two entities with bad rows in every piece."""
    load = 10 + np.sin(np.arange(24 * 12) / 5)
    load[::17] = -200
    load[5::29] += 30
    return cases.together([cases.observations(list(load), entity=name, known_after=None) for name in "ab"])


def killed_before(nth: int, call: Callable[..., Any], seen: list[int]) -> Callable[..., Any]:
    def counted(*args: Any, **named: Any) -> Any:
        seen.append(1)
        if len(seen) == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*args, **named)

    return counted


def main(url: str, nth: int) -> None:
    plan.PIECE_ROWS = 144
    store, source, seen = ObservationStore(url), cases.FrameSource(rows()), []
    for part, name in ((source, "fetch"), (store, "quarantine"), (store, "append")):
        setattr(part, name, killed_before(nth, getattr(part, name), seen))
    refresh(USECASE, "load", source, store, NOW)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0)
