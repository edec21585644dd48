"""Runs Evidently: imported when first needed, since that takes seconds, on windows that are sampled first."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pandas as pd

from model_code.errors import DataError


class EvidentlyFailed(DataError):
    """Evidently could not digest a window: there is no value, and the watch goes on without it."""

    title = "Evidently failed"


MAX_ROWS = 2_000  # per window: its cost grows with rows, its answer hardly
MIN_ROWS = 2


def sample(window: pd.DataFrame, rows: int, seed: int) -> pd.DataFrame:
    """At most so many rows, in their order."""
    return (window if len(window) <= rows else window.sample(rows, random_state=seed).sort_index()).reset_index(drop=True)


def snapshot(
    metrics: Callable[[], Sequence[Any]], current: pd.DataFrame, reference: pd.DataFrame | None, definition: Mapping[str, Any]
) -> Any:
    """Evidently's snapshot of some metrics or presets.

    Args:
        metrics: Makes them, called once Evidently is imported.
        definition: Arguments of its DataDefinition.

    Raises:
        EvidentlyFailed: It broke on these windows.
    """
    with quiet():
        from evidently import DataDefinition, Dataset, Report

        try:
            told = DataDefinition(**definition)
            datasets = [
                None if window is None else Dataset.from_pandas(window, data_definition=told) for window in (current, reference)
            ]
            return Report(list(metrics())).run(*datasets)
        except Exception as error:
            raise EvidentlyFailed(f"{type(error).__name__}: {error}", hint="its report of this window is left out") from error


def values(taken: Any) -> list[tuple[str, Mapping[str, Any], Any]]:
    """Kind, configuration and value of each metric of a snapshot."""
    return [(kind(metric), metric["config"], metric["value"]) for metric in taken.dict()["metrics"]]


def kind(metric: Mapping[str, Any]) -> str:
    """Its class's name."""
    return str(metric["config"]["type"]).rsplit(":", 1)[-1]


@contextmanager
def quiet() -> Iterator[None]:
    """Its imports warn of names that they still use, its tests of columns that do not vary."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
