"""`python -m services.image.check`: run in a finished image, answers by its bundle and imports what a request may import."""

import importlib
from pathlib import Path

import numpy as np

from model_code.bundle import load_bundle
from model_code.settings import Settings

ROWS = (1, 1_000)  # few and many rows take different libraries
IMPORTED = (
    "obstore",
    "pandas",
    "psycopg",
    "pyarrow.csv",
    "pyarrow.dataset",
    "pyarrow.ipc",
    "pyarrow.parquet",
    "model_code.data.store",
    "model_code.predictions",
    "services.forecaster.server",
    "services.forecaster.service",
    "services.keeping.mover",
)


def main(baked: Path = Path("/bundles")) -> None:
    """Raise what a request would have met."""
    for name in IMPORTED:
        importlib.import_module(name)
    for folder in sorted(baked.iterdir()):
        for part in load_bundle(baked, folder.name).made_of.values():  # each may answer with another library
            for rows in ROWS:
                answered = part.predict_rows(np.full((rows, len(part.manifest.feature_columns)), np.nan), np.zeros(rows, int))
                print(f"{Settings.load().usecase} {part.hash[:12]}: {rows} rows, {np.isfinite(answered.value).sum()} answers")


if __name__ == "__main__":
    main()
