"""A use case made in a folder: which machines fail within a week. A classifier whose labels come a week late, from CSV files."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

NAME = "machine_failure"
DAY = timedelta(days=1)
FIRST = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 180
MACHINES = 40
PRESENT = FIRST + DAYS * DAY
NEWCOMER, NEWCOMER_FROM = "m90", 100  # a machine that is bought later
RETIRED, RETIRED_FROM = "m00", 130  # and one that is scrapped

SPEC = f"""
name: {NAME}
title: Machines that fail within seven days
task: classification
entity_feed: readings
feeds:
  readings:
    source:
      kind: files
      path: data
      pattern: readings*.csv
      time_column: read_at
      entity_column: machine
      columns: {{vibration: vibration, temperature: temperature}}
    columns:
      vibration: {{unit: mm/s, minimum: 0, maximum: 50, sentinels: [-200.0]}}
      temperature: {{unit: °C, minimum: -40, maximum: 200, required: false}}
    history_from: "{FIRST.isoformat()}"
  failures:
    source:
      kind: files
      path: data
      pattern: failures*.csv
      time_column: day
      known_at_column: told_at
      entity_column: machine
      columns: {{failed: failed}}
    columns:
      failed: {{unit: "1", minimum: 0, maximum: 1}}
    publication_delay: P8D
    revision_window: P21D
    history_from: "{FIRST.isoformat()}"
target: {{feed: failures, column: failed, unit: "1"}}
horizon: {{steps: 1, step: P7D}}
lookback: P10D
search: {{trials: 3}}
backtest: {{origins: 24, holdout: 12, refit_every: 12, min_train: 20}}
policy: {{max_data_age: P10D, max_evidence_age: P12D, attribution: P14D}}
present: "{PRESENT.isoformat()}"
"""

FEATURES = '''"""Vibration and temperature of the last reading, and how they rose."""

import pandas as pd

COLUMNS = ("vibration", "temperature")


def build(known, origin, rows, spec):
    """One row of float features for each row."""
    readings = known["readings"].groupby("entity")[list(COLUMNS)]
    last, mean = readings.last(), readings.mean()
    columns = {f"{name}_last": last[name] for name in COLUMNS} | {f"{name}_rise": last[name] - mean[name] for name in COLUMNS}
    return pd.DataFrame(columns, dtype=float).reindex(rows["entity"]).reset_index(drop=True)
'''


def write_usecase(root: Path, *, sensors_replaced: int = DAYS + 8) -> Path:
    """The whole of it, below `root`; nothing of it lies anywhere else.

    Args:
        sensors_replaced: Day from which new sensors tell 6 mm/s more.
    """
    folder = root / NAME
    (folder / "data").mkdir(parents=True)
    (folder / "usecase.yaml").write_text(SPEC)
    (folder / "features.py").write_text(FEATURES)
    readings, failures = fleet(sensors_replaced)
    readings.to_csv(folder / "data" / "readings.csv", index=False)
    failures.to_csv(folder / "data" / "failures.csv", index=False)
    return folder


def fleet(sensors_replaced: int, seed: int = 3) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Readings (an hour before each midnight) and, told eight days later, whether the machine failed in the seven days from then."""
    chance = np.random.default_rng(seed)
    readings, failures = [], []
    for name in [f"m{number:02}" for number in range(MACHINES)] + [NEWCOMER]:
        begin, end = (NEWCOMER_FROM if name == NEWCOMER else 0), (RETIRED_FROM if name == RETIRED else DAYS + 8)
        wear, fails = _life(end - begin, chance)
        for day in range(begin, end):
            midnight, life = FIRST + day * DAY, day - begin
            vibration = 2 + 6 * wear[life] ** 2 + chance.normal(0, 0.4)
            vibration += 6.0 if day >= sensors_replaced else 0.0
            row = {"read_at": midnight - timedelta(hours=1), "machine": name, "vibration": round(vibration, 3)}
            readings.append(row | {"temperature": "" if chance.random() < 0.02 else round(50 + chance.normal(0, 3), 2)})
            told = {"day": midnight, "told_at": midnight + 8 * DAY, "machine": name}
            failures.append(told | {"failed": float(fails[life : life + 7].any())})
    return pd.DataFrame(readings), pd.DataFrame(failures)


def _life(days: int, chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Wear (0 new, about 1 when it fails, then repaired) and failures of one machine, day by day."""
    wear, fails = np.zeros(days), np.zeros(days, dtype=bool)
    level, speed = chance.random(), chance.uniform(0.01, 0.04)
    for day in range(days):
        wear[day] = level
        fails[day] = chance.random() < 0.5 * max(0.0, level - 0.8)
        level = 0.0 if fails[day] else level + speed
    return wear, fails
