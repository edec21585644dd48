"""Where Prometheus and Alertmanager are installed, and the commands that start them."""

import shutil

from model_code.settings import Settings
from monitoring.prometheus.configuration import Places

# Debian's name of the program first, then that of its makers.
PROMETHEUS = ("prometheus",)
ALERTMANAGER = ("prometheus-alertmanager", "alertmanager")
PACKAGES = {"prometheus": "prometheus", "alertmanager": "prometheus-alertmanager"}
# An Alertmanager that was down is told of what still fires after so long, not after a minute; an alert stands for four times as
# long without Prometheus, which is more than a restart takes.
RESENT = "10s"
LOG_FORMATS = {"text": "logfmt", "json": "json"}
MOST_BYTES = "4GB"  # of series on disk; the oldest go first


def prometheus_command(settings: Settings) -> tuple[str, ...] | None:
    """How Prometheus is started; None where it is not installed."""
    program, places = _found(PROMETHEUS), Places.of(settings)
    if program is None:
        return None
    return (
        program,
        f"--config.file={places.prometheus}",
        f"--storage.tsdb.path={places.series}",
        f"--storage.tsdb.retention.time={settings.prometheus_days}d",
        f"--storage.tsdb.retention.size={MOST_BYTES}",
        f"--rules.alert.resend-delay={RESENT}",
        f"--web.listen-address={settings.host}:{settings.prometheus_port}",
        f"--log.format={LOG_FORMATS[settings.log_format]}",
    )


def alertmanager_command(settings: Settings) -> tuple[str, ...] | None:
    """How Alertmanager is started, alone; None where it is not installed."""
    program, places = _found(ALERTMANAGER), Places.of(settings)
    if program is None:
        return None
    return (
        program,
        f"--config.file={places.alertmanager}",
        f"--storage.path={places.silences}",
        f"--web.listen-address={settings.host}:{settings.alertmanager_port}",
        "--cluster.listen-address=",
        f"--log.format={LOG_FORMATS[settings.log_format]}",
    )


def _found(names: tuple[str, ...]) -> str | None:
    return next((path for name in names if (path := shutil.which(name))), None)
