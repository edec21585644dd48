"""A panel's queries as Grafana would send them: its variables filled in."""

from collections.abc import Mapping

from monitoring.grafana.panel import Query

EVERY_SERIES = ".*"


def asked(query: Query, usecase: str, *, interval: str = "1m", series: str = EVERY_SERIES) -> str:
    """The PromQL of a query with the dashboard's variables replaced.

    Args:
        usecase: The chosen use case.
        interval: What Grafana makes of `$__rate_interval`: four scrapes at least.
        series: The chosen series, as a pattern.

    Example:
        >>> asked(Query('rate(a_total{usecase="$usecase"}[$__rate_interval])'), "demand")
        'rate(a_total{usecase="demand"}[1m])'
    """
    filled = query.expr
    for name, value in (("$__rate_interval", interval), ("$usecase", usecase), ("$series", series)):
        filled = filled.replace(name, value)
    return filled


def legend(query: Query, labels: Mapping[str, str]) -> str:
    """The name that a reader sees of one answered series.

    Example:
        >>> legend(Query("a", "live {{series}}"), {"series": "VIC"})
        'live VIC'
    """
    if not query.legend:
        return ", ".join(f"{name}={value}" for name, value in sorted(labels.items()) if name != "__name__")
    told = query.legend
    for name, value in labels.items():
        told = told.replace(f"{{{{{name}}}}}", value)
    return told
