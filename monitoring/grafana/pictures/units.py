"""Values as Grafana writes them, by its names of units."""

import math

MEASURES = (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3), ("µs", 1e-6))
BYTES = (("GiB", 2.0**30), ("MiB", 2.0**20), ("KiB", 2.0**10))


COUNTS = {"d": (1, 2, 5, 7, 10, 20), "h": (1, 2, 4, 6, 12), "min": (1, 2, 5, 10, 15, 20, 30), "s": (1, 2, 5, 10, 15, 20, 30)}
SMALL = (1, 2, 5, 10, 20, 50, 100, 200, 500)
STEPS = {  # distances between ticks that read well
    "s": [size * count for name, size in MEASURES for count in COUNTS.get(name, SMALL)],
    "bytes": [2.0**power for power in range(40)],
}
ROUND = [count * 10.0**power for power in range(-9, 12) for count in (1, 2, 2.5, 5)]
MOST_TICKS = 5


def ticks(low: float, high: float, unit: str) -> list[float]:
    """Where an axis is marked, at most `MOST_TICKS` apart from its ends.

    Example:
        >>> ticks(0, 3 * 86_400, "s")
        [0.0, 86400.0, 172800.0, 259200.0]
    """
    step = next((step for step in sorted(STEPS.get(unit, ROUND)) if (high - low) / step <= MOST_TICKS), high - low)
    first = math.ceil(low / step - 1e-9)
    return [place * step for place in range(first, math.floor(high / step + 1e-9) + 1)]


def written(value: float, unit: str) -> str:
    """A value with its unit, short enough for an axis.

    Example:
        >>> written(7200, "s"), written(0.125, "percentunit"), written(3 * 2**20, "bytes")
        ('2 h', '12.5%', '3 MiB')
    """
    if unit == "percentunit":
        return f"{value * 100:.3g}%"
    if unit == "s":
        return _measured(value, MEASURES, "s")
    if unit == "bytes":
        return _measured(value, BYTES, "B")
    return (f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}") + {"reqps": " req/s", "ops": " /s"}.get(unit, "")


def _measured(value: float, measures: tuple[tuple[str, float], ...], least: str) -> str:
    if value == 0:
        return f"0 {least}"
    for name, size in measures:
        if abs(value) >= size:
            return f"{value / size:.3g} {name}"
    return f"{value:.3g} {least}"
