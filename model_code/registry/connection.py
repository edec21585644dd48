"""The way to MLflow: imported late (it takes seconds), opened by one program at a time, its failures in words."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from filelock import FileLock, Timeout

from model_code.errors import ConfigurationError, RegistryError

FIRST_START_SECONDS = 120  # a new SQLite store is made in about five
SCHEMES = ("sqlite", "postgresql", "http", "https")
DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # MLflow's own defaults wait for minutes on a server that is down.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}


class Connection:
    """A client of one MLflow store, made at first use.

    Args:
        url: `sqlite:////FOLDER/mlflow.db`, `postgresql://…`, or the address of an MLflow server.

    Raises:
        ConfigurationError: Another kind of URL.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._client: Any = None
        scheme = url.partition(":")[0].partition("+")[0]
        if scheme not in SCHEMES:
            raise ConfigurationError(
                f"EVENKEEL_MLFLOW_URL {url!r} is of no known kind",
                hint="sqlite:////FOLDER/mlflow.db, postgresql://…, or http(s)://…",
            )
        self._file = Path(sa.make_url(url).database or "").resolve() if scheme == "sqlite" else None

    @property
    def artifacts(self) -> str | None:
        """Where artifacts of new experiments go: beside a SQLite store; else MLflow's server knows."""
        return (self._file.parent / "mlflow-artifacts").as_uri() if self._file else None

    @contextmanager
    def client(self) -> Iterator[Any]:
        """MLflow's client; what goes wrong with it inside the block becomes a RegistryError.

        Raises:
            RegistryError: MLflow is absent, unreachable, or refuses.
        """
        with _in_words(self.url):
            if self._client is None:
                self._client = self._open()
            yield self._client

    def _open(self) -> Any:
        for name, value in DEFAULTS.items():
            os.environ.setdefault(name, value)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of MLflow's own imports and migrations
            from mlflow import MlflowClient

            logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
            logging.getLogger("alembic").setLevel(logging.WARNING)
            if self._file is None:
                return MlflowClient(self.url, self.url)
            self._file.parent.mkdir(parents=True, exist_ok=True)
            # Two programs that both find an empty file would both build its tables.
            with FileLock(f"{self._file}.lock", timeout=FIRST_START_SECONDS):
                client = MlflowClient(self.url, self.url)
                client.search_registered_models(max_results=1)
                client.search_experiments(max_results=1)
        return client


@contextmanager
def _in_words(url: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise RegistryError(f"MLflow cannot be imported: {error}", hint="install requirements/runtime.txt") from error
    except (sa.exc.SQLAlchemyError, OSError, Timeout) as error:
        raise RegistryError(f"MLflow at {_shown(url)}: {error}", hint=_HINT) from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "mlflow":
            raise
        raise RegistryError(f"MLflow at {_shown(url)}: {error}", hint=_HINT) from error


_HINT = "is EVENKEEL_MLFLOW_URL right, the server up, the disk writable and not full?"


def _shown(url: str) -> str:
    return sa.make_url(url).render_as_string(hide_password=True)
