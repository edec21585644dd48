"""A summary's placeholders: as Prometheus' templates, and filled in for the tests of the rules."""

import re
from collections.abc import Mapping

PLACE = re.compile(r"\{(\w+)\}")
VALUES = {
    "value": '{{ printf "%.3g" $value }}',
    "percent": "{{ $value | humanizePercentage }}",
    "duration": "{{ $value | humanizeDuration }}",
}


def template(summary: str) -> str:
    """With placeholders as Prometheus fills them in.

    Example:
        >>> template("{usecase}: {percent}")
        '{{ $labels.usecase }}: {{ $value | humanizePercentage }}'
    """
    return PLACE.sub(lambda found: VALUES.get(found[1], f"{{{{ $labels.{found[1]} }}}}"), summary)


def filled(summary: str, labels: Mapping[str, str], value: float) -> str:
    """What Prometheus makes of the template.

    Example:
        >>> filled("{usecase}: {percent} for {duration}", {"usecase": "demand"}, 90)
        'demand: 9000% for 1m 30s'
    """
    words = {"value": f"{value:.3g}", "percent": f"{value * 100:.4g}%", "duration": duration(value)}
    return PLACE.sub(lambda found: words.get(found[1], labels.get(found[1], "")), summary)


def duration(seconds: float) -> str:
    """As Prometheus' humanizeDuration says it, from one second on.

    Example:
        >>> duration(93784)
        '1d 2h 3m 4s'
    """
    whole = int(seconds)
    parts = [(whole // 86400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "m"), (whole % 60, "s")]
    while len(parts) > 1 and parts[0][0] == 0:
        parts.pop(0)
    return " ".join(f"{number}{unit}" for number, unit in parts)
