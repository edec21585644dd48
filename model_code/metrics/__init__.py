"""Every metric once: name, unit, help, labels, alerts. `python -m model_code.metrics` prints docs/metrics.md."""

from model_code.metrics.catalogue import ALERTS, BY_NAME, CATALOGUE
from model_code.metrics.metric import Alert, Metric
from model_code.metrics.page import as_markdown

__all__ = ["ALERTS", "BY_NAME", "CATALOGUE", "Alert", "Metric", "as_markdown"]
