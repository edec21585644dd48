"""The few forms of PromQL that alerts are written in; whatever scrapes may add labels of its own, these drop them."""

from collections.abc import Sequence

CHAMPION = "evenkeel_champion_info"
SCORED = "evenkeel_truth_age_seconds"
MONITOR_SUCCESS = 'evenkeel_flow_last_success_timestamp_seconds{flow="monitor"}'
READ = "evenkeel_exporter_dropped_series"  # an exporter that cannot read its database does not tell it, but goes on telling successes
EXPORTER_JOB = "evenkeel-exporter"
SERVICE_JOB = "evenkeel-service"
BRIDGE_JOB = "evenkeel-bridge"


def above(metric: str, threshold: str, labels: Sequence[str] = ("usecase",)) -> str:
    """The metric where it is above the use case's threshold of that name.

    Example:
        >>> above("a", "t")
        'max by (usecase) (a) > on (usecase) group_left () max by (usecase) (evenkeel_threshold{name="t"})'
    """
    return f"max by ({', '.join(labels)}) ({metric}) > on (usecase) group_left () {limit(threshold)}"


def at_least(metric: str, threshold: str, labels: Sequence[str] = ("usecase",)) -> str:
    """The metric where it has reached the use case's threshold of that name."""
    return f"max by ({', '.join(labels)}) ({metric}) >= on (usecase) group_left () {limit(threshold)}"


def below(metric: str, threshold: str, labels: Sequence[str] = ("usecase",)) -> str:
    """The metric where it is below the use case's threshold of that name."""
    return f"min by ({', '.join(labels)}) ({metric}) < on (usecase) group_left () {limit(threshold)}"


def older(timestamp: str, threshold: str) -> str:
    """Age in seconds of a timestamp metric, where it is above the use case's threshold of that name."""
    return f"time() - max by (usecase) ({timestamp}) > on (usecase) {limit(threshold)}"


def limit(threshold: str) -> str:
    """The use case's threshold of that name."""
    return f'max by (usecase) (evenkeel_threshold{{name="{threshold}"}})'


def down(job: str) -> str:
    """Holds while no target of the job answers, or none is known."""
    return f'max by (job) (up{{job="{job}"}}) == 0 or absent(up{{job="{job}"}})'


def without(witness: str, metric: str) -> str:
    """Use cases that have the witness and not the metric."""
    return f"max by (usecase) ({witness}) unless on (usecase) {metric}"
