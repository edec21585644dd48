"""What a metric and its alerts are: data, from which rules, their tests, dashboards and pages are made."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["gauge", "counter", "histogram"]
Source = Literal["monitor", "report", "ledger", "flows", "exporter", "service", "bridge"]
Owner = Literal["model", "data", "platform"]
Severity = Literal["page", "warn", "info"]
Verdict = Literal["", "hold", "recalibrate", "rollback", "retrain"]
SCRAPE_SECONDS = 15.0  # Prometheus' usual pace, and the default of EVENKEEL_SCRAPE_SECONDS


@dataclass(frozen=True)
class Alert:
    """A condition on metrics that calls for a person or for a look; `monitoring/rules` makes a rule of it.

    Attributes:
        name: In Prometheus; also of its runbook, `monitoring/runbooks/NAME.md`.
        severity: `page`: now, at night too; `warn`: within the working day; `info`: to be read.
        expression: PromQL; holds while something is wrong, and carries the labels below.
        summary: One line for the person. `{usecase}` and other labels; `{value}`, `{percent}` or `{duration}` of the value.
        scrapes: How long it must hold before it fires, in scrapes. Default: at once, since the values of a monitor run stand
            until the next one, and the hysteresis is the policy's.
        hint: The verdict that this often ends in, its label `verdict`; what acts reads the state again and may decline.
        threshold: Value of the label `name` in `evenkeel_threshold` that it compares with; "" for a limit of its own.
        labels: Labels beside alertname, severity, owner and verdict that each of its alerts carries.
    """

    name: str
    severity: Severity
    expression: str
    summary: str
    scrapes: int = 0
    hint: Verdict = ""
    threshold: str = ""
    labels: tuple[str, ...] = ("usecase",)

    @property
    def runbook(self) -> str:
        """Path of its page in the repository."""
        return f"monitoring/runbooks/{self.name}.md"

    @property
    def wait(self) -> str:
        """How long it must hold at the usual pace, in Prometheus' words.

        Example:
            >>> Alert("A", "warn", "up == 0", "down", scrapes=4).wait
            '60s'
        """
        return self.wait_at(SCRAPE_SECONDS)

    def wait_at(self, scrape_seconds: float) -> str:
        """How long it must hold where a scrape comes every so many seconds."""
        return f"{round(self.scrapes * scrape_seconds)}s"


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        name: As Prometheus sees it; a counter's ends in `_total`.
        unit: Of its values; '1' for shares and ratios.
        help: What it says, in one sentence.
        labels: Names of its labels; `LABELS` says what each may be.
        kind: gauge, counter or histogram.
        source: `monitor` (written by the monitor flow), `report` (whenever a report is made), `ledger`, `flows`, `exporter`, or on a `/metrics` of its own: `service` (a model
            service) and `bridge` (from Alertmanager to Prefect).
        owner: Who looks first: `model`, `data` or `platform`.
        buckets: Upper bounds of a histogram, in its unit.
        alerts: What becomes of it when it goes wrong.
        expected: PromQL of series by use case beside which it may not be missing; "" where its absence tells nothing, as of
            intervals that a classifier has not. Where it is missing nevertheless, EvenkeelMetricMissing fires.
    """

    name: str
    unit: str
    help: str
    labels: tuple[str, ...] = ("usecase",)
    kind: Kind = "gauge"
    source: Source = "monitor"
    owner: Owner = "model"
    buckets: tuple[float, ...] = ()
    alerts: tuple[Alert, ...] = ()
    expected: str = ""
