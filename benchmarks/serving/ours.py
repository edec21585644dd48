"""Our service on the benchmark's stage: keys on, every prediction kept, the pointer moved to the benchmark's bundle."""

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.serving.contestants import Contestant, Launch, Stage
from benchmarks.serving.environments import CHECKOUT
from benchmarks.serving.trained import USECASE, USECASES
from model_code.pointer import Pointers
from model_code.settings import Settings
from model_code.sql import engine

NAME = "evenkeel"


def variables(stage: Stage, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The settings of the service on this stage: everything of it lies in the stage's folder."""
    return {
        "EVENKEEL_HOME": str(stage.folder / "home"),
        "EVENKEEL_USECASE_PATH": str(USECASES),
        "EVENKEEL_BUNDLES_URL": str(stage.trained.bundles),
        "EVENKEEL_KEYS_FILE": str(stage.folder / "keys"),
        "EVENKEEL_WORKERS": str(stage.workers),
        "EVENKEEL_WARM_FORECASTS": "false",  # only rows are asked, as of everybody else
        "PYTHONPATH": str(CHECKOUT),
        "BENTOML_DO_NOT_TRACK": "True",
        "ORT_DISABLE_TELEMETRY": "1",
        **(more or {}),
    }


def prepare(stage: Stage, more: Mapping[str, str] | None = None) -> Launch:
    """A key, a pointer to the bundle, and the command; asked again, it continues with what is there.

    Args:
        stage: Where it is started.
        more: More settings, as variables.
    """
    (stage.folder / "home").mkdir(exist_ok=True)
    told = variables(stage, more)
    if not (stage.folder / "keys").exists():
        new = [sys.executable, "-m", "services.forecaster.keys", "new", "benchmark", "--file", str(stage.folder / "keys")]
        made = subprocess.run(new, capture_output=True, text=True, check=True, cwd=CHECKOUT)
        (stage.folder / "key").write_text(made.stdout.strip())
        os.chmod(stage.folder / "key", 0o600)
    pointers = pointers_of(stage.folder, told)
    if pointers.get(USECASE) is None:
        pointers.move(USECASE, stage.trained.bundle.hash, None)
    command = [sys.executable, "-m", "services.forecaster", "--usecase", USECASE, "--port", str(stage.port)]
    return Launch(command, told)


def pointers_of(folder: Path, told: Mapping[str, str]) -> Pointers:
    """The pointer that the service on this stage watches."""
    return Pointers(engine(told.get("EVENKEEL_SQL_URL") or Settings(home=folder / "home").sql))


def headers(folder: Path) -> list[str]:
    """The key, as a header."""
    return [f"Authorization: Bearer {(folder / 'key').read_text()}"]


def waiting(folder: Path) -> int:
    """Bytes in the spool that are not in the store yet."""
    return sum(_size(path) for path in (folder / "home" / "spool").glob("*") if re.search(r"\.(open|ready)$", path.name))


def kept(folder: Path) -> int | None:
    """Predictions in the SQLite store; None while some are on their way there."""
    if waiting(folder):
        return None
    database = sqlite3.connect(f"file:{folder / 'home' / 'evenkeel.db'}?mode=ro", uri=True, timeout=30)
    try:
        rows = "SELECT (SELECT count(*) FROM prediction) + (SELECT coalesce(sum(rows), 0) FROM prediction_block)"
        count: Any = database.execute(rows).fetchone()
    finally:
        database.close()
    return None if waiting(folder) else int(count[0])


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


OURS = Contestant(
    name=NAME,
    title="**Evenkeel**, keys on, every prediction kept",
    launch=prepare,
    path="/predict",
    body=lambda rows: {"rows": rows},
    values=lambda answer: list(answer["value"]),
    headers=headers,
    kept=kept,
)
