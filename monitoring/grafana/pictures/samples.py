"""Samples with times of their own, in OpenMetrics' text form."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Told:
    """One series of samples.

    Attributes:
        name: Of the metric.
        labels: All of them.
        times: Seconds since 1970, increasing.
        values: One for each time; NaN where there is no sample.
    """

    name: str
    labels: Mapping[str, str]
    times: Values
    values: Values


def write(told: Iterable[Told], file: Path) -> int:
    r"""Write them as OpenMetrics; how many samples.

    Example:
        >>> import tempfile
        >>> one = Told("up", {"job": "a"}, np.array([1.0, 2.0]), np.array([1.0, np.nan]))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write([one], Path(folder) / "a.om"), (Path(folder) / "a.om").read_text()
        (1, 'up{job="a"} 1 1\n# EOF\n')
    """
    lines = [line for series in told for line in _lines(series)]
    file.write_text("\n".join([*lines, "# EOF", ""]))
    return len(lines)


def _lines(series: Told) -> Iterator[str]:
    labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in series.labels.items())
    for at, value in zip(series.times, series.values, strict=True):
        if np.isfinite(value):
            yield f"{series.name}{{{labels}}} {value:.10g} {at:.10g}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
