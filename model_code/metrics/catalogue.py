"""All metrics together, by what they are about."""

from model_code.metrics import bridge, data, judged, loop, reports, service, thresholds

CATALOGUE = (
    *judged.METRICS,
    *thresholds.METRICS,
    *reports.METRICS,
    *data.METRICS,
    *loop.METRICS,
    *service.METRICS,
    *bridge.METRICS,
)
BY_NAME = {metric.name: metric for metric in CATALOGUE}
ALERTS = {alert.name: alert for metric in CATALOGUE for alert in metric.alerts}
