"""Runs in MLflow: what a training or a search logs while it works, and the trials read back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from model_code.registry.connection import Connection

KEY = "evenkeel.key"
NAME = "mlflow.runName"
PARENT = "mlflow.parentRunId"
LONGEST_PARAMETER = 6000


class Trial(BaseModel):
    """One finished or failed trial of a search.

    Attributes:
        run_id: MLflow run.
        name: Of the run.
        status: FINISHED, FAILED, KILLED or RUNNING.
        parameters: As logged; MLflow keeps text.
        metrics: The last value of each.
        tags: Those that are not MLflow's own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_id: str
    name: str
    status: str
    parameters: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]


class Run:
    """A run that is being logged to.

    Attributes:
        id: MLflow's id of it.
    """

    def __init__(self, connection: Connection, run_id: str) -> None:
        self._connection = connection
        self.id = run_id

    def log_params(self, parameters: Mapping[str, Any]) -> None:
        """Log parameters; one that is logged already must have the same value.

        Raises:
            RegistryError: MLflow is unreachable, or a parameter changed.
        """
        from mlflow.entities import Param

        with self._connection.client() as client:
            client.log_batch(self.id, params=[Param(name, str(value)[:LONGEST_PARAMETER]) for name, value in parameters.items()])

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Log metrics at a step.

        Raises:
            RegistryError: MLflow is unreachable.
        """
        with self._connection.client() as client:
            for name, value in metrics.items():
                client.log_metric(self.id, name, float(value), step=step, synchronous=True)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags of the run.

        Raises:
            RegistryError: MLflow is unreachable.
        """
        with self._connection.client() as client:
            for name, value in tags.items():
                client.set_tag(self.id, name, value)

    def log_artifact(self, file: Path, folder: str | None = None) -> None:
        """Keep a file with the run.

        Raises:
            RegistryError: MLflow is unreachable, or the file cannot be kept.
        """
        with self._connection.client() as client:
            client.log_artifact(self.id, str(file), folder)

    def log_artifacts(self, source: Path, folder: str | None = None) -> None:
        """Keep all files of a folder with the run.

        Raises:
            RegistryError: MLflow is unreachable, or a file cannot be kept.
        """
        with self._connection.client() as client:
            client.log_artifacts(self.id, str(source), folder)


def trial_of(found: Any) -> Trial:
    """MLflow's run as a trial."""
    return Trial(
        run_id=found.info.run_id,
        name=found.info.run_name or "",
        status=found.info.status,
        parameters=dict(found.data.params),
        metrics=dict(found.data.metrics),
        tags={name: value for name, value in found.data.tags.items() if not name.startswith("mlflow.")},
    )
