"""PromQL of the panels: one metric of the catalogue, for the use case (and series) that the reader chose."""

from model_code.metrics import BY_NAME, Metric
from monitoring.grafana.panel import Query

UNITS = {
    "1": "short",
    "seconds": "s",
    "seconds since 1970": "dateTimeAsIso",
    "bytes": "bytes",
}
CHOSEN = {"usecase": 'usecase="$usecase"', "series": 'series=~"$series"'}
Told = Metric | str  # a metric, or its name in the catalogue


def unit_of(metric: Metric) -> str:
    """Grafana's name of a metric's unit."""
    return UNITS.get(metric.unit, "short")


def chosen(told: Told, *more: str, suffix: str = "") -> str:
    """A metric of the chosen use case, and of the chosen series where it is told for each.

    Args:
        told: Which.
        more: Further matchers.
        suffix: Of a histogram's parts.

    Example:
        >>> chosen("evenkeel_coverage")
        'evenkeel_coverage{usecase="$usecase",series=~"$series"}'
    """
    metric = _metric(told)
    wanted = ",".join([*(text for label, text in CHOSEN.items() if label in metric.labels), *more])
    return f"{metric.name}{suffix}{{{wanted}}}" if wanted else f"{metric.name}{suffix}"


def gauge(told: Told, legend: str | None = None) -> Query:
    """The values of a gauge, one line for each combination of its labels but the use case."""
    return Query(chosen(told), _legend(told, legend))


def age(told: Told, legend: str | None = None) -> Query:
    """How long ago a moment was, in seconds by the clock of Prometheus."""
    return Query(f"time() - {chosen(told)}", _legend(told, legend))


def rate(told: Told, by: tuple[str, ...] = (), legend: str = "") -> Query:
    """A counter's increase in a second, summed by some of its labels."""
    grouped = f" by ({', '.join(by)})" if by else ""
    return Query(f"sum{grouped} (rate({chosen(told)}[$__rate_interval]))", legend or _of(by) or _metric(told).name)


def quantile(told: Told, share: float, by: tuple[str, ...] = (), legend: str = "") -> Query:
    """A quantile of a histogram."""
    grouped, buckets = ", ".join(("le", *by)), chosen(told, suffix="_bucket")
    return Query(f"histogram_quantile({share}, sum by ({grouped}) (rate({buckets}[$__rate_interval])))", legend or _of(by))


def limit(name: str, legend: str = "") -> Query:
    """A threshold that the use case states, drawn as a line."""
    stated = chosen("evenkeel_threshold", f'name="{name}"')
    return Query(f"max({stated})", legend or name, limit=True)


def _metric(told: Told) -> Metric:
    return told if isinstance(told, Metric) else BY_NAME[told]


def _legend(told: Told, legend: str | None) -> str:
    metric = _metric(told)
    return legend if legend is not None else _of(metric.labels) or metric.name


def _of(labels: tuple[str, ...]) -> str:
    return " ".join(f"{{{{{label}}}}}" for label in labels if label != "usecase")
