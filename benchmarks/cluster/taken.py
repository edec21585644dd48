"""Figures of the end-to-end tests, taken over as they were told in a folder (tests/e2e/figures.py)."""

import json
from pathlib import Path

from benchmarks.cluster.told import Told


def taken(folder: Path, figures: Told) -> Told:
    """The figures with those of the folder in their place: each case of a measure by itself.

    Raises:
        SystemExit: Nothing was told there.
    """
    files = sorted(folder.glob("*.json"))
    if not files:
        raise SystemExit(f"no figures in {folder}: E2E_FIGURES={folder} make e2e")
    found = dict(figures)
    for each in map(json.loads, (path.read_text() for path in files)):
        cases = found.get(each["measure"], {})
        found[each["measure"]] = cases | {each["case"]: each["figures"] | {"day": each["day"]}}
    return found
