"""Empty databases, migrated once at set-up and copied: a fresh Prefect server or MLflow store then starts seconds sooner."""

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from model_code.settings import Settings


def prefect_template() -> Path:
    """Where the empty Prefect database of the installed version lies, in the virtual environment."""
    return Path(sys.prefix) / "share" / "evenkeel" / f"prefect-{version('prefect')}.db"


def mlflow_template() -> Path:
    """Where the empty MLflow database of the installed version lies, in the virtual environment."""
    return Path(sys.prefix) / "share" / "evenkeel" / f"mlflow-{version('mlflow')}.db"


def prepare() -> None:
    """Make the templates that are missing; each appears whole or not at all."""
    with tempfile.TemporaryDirectory() as folder:
        places = {"PREFECT_HOME": folder, "HOME": folder, "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
        url = f"sqlite:///{folder}/mlflow.db"
        for template, command in (
            (prefect_template(), ["prefect", "server", "database", "upgrade", "-y"]),
            (mlflow_template(), ["mlflow", "db", "upgrade", url]),
        ):
            if not template.exists():
                environment = {
                    **os.environ,
                    **places,
                    "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{folder}/prefect.db",
                }
                subprocess.run([sys.executable, "-m", *command], env=environment, check=True, capture_output=True)
                _place(Path(folder) / f"{template.name.partition('-')[0]}.db", template)


def copy_templates(settings: Settings) -> None:
    """Put empty databases where none are; without a template the servers make their own."""
    wanted = {settings.home / "prefect" / "prefect.db": prefect_template()}
    if not settings.mlflow_url:
        wanted[settings.home / "mlflow.db"] = mlflow_template()
    for database, template in wanted.items():
        if template.exists() and not database.exists():
            _place(template, database)


def _place(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_suffix(f".{os.getpid()}.new")
    shutil.copyfile(source, beside)
    beside.replace(target)
