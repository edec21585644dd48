"""Files for Prometheus and Alertmanager, made from the settings: what is scraped, which rules hold, who is told."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_code.errors import ConfigurationError
from model_code.metrics.promql import BRIDGE_JOB, EXPORTER_JOB, SERVICE_JOB
from model_code.settings import Settings
from monitoring.alert_bridge.token import ensure_token, token_file
from monitoring.rules.files import written
from monitoring.rules.ruleset import ruleset
from monitoring.rules.watchdog import watchdog_route

REPOSITORY = Path(__file__).parents[2]
MAX_ALERTS = 1000  # in one post; the bridge reads no more
SCRAPE_TIMEOUT = 10.0  # seconds, at most; a scrape reads the database


@dataclass(frozen=True)
class Places:
    """Where the files and data of both lie.

    Attributes:
        folder: Of one installation.
    """

    folder: Path

    @classmethod
    def of(cls, settings: Settings) -> "Places":
        """Below the installation's home."""
        return cls(settings.home.resolve() / "prometheus")

    @property
    def prometheus(self) -> Path:
        """Prometheus' configuration."""
        return self.folder / "prometheus.yaml"

    @property
    def rules(self) -> Path:
        """The rules, with waits that fit the pace of scraping."""
        return self.folder / "evenkeel.rules.yaml"

    @property
    def alertmanager(self) -> Path:
        """Alertmanager's configuration."""
        return self.folder / "alertmanager.yaml"

    @property
    def series(self) -> Path:
        """Prometheus' data."""
        return self.folder / "series"

    @property
    def silences(self) -> Path:
        """Alertmanager's data."""
        return self.folder / "silences"


def write(settings: Settings) -> Places:
    """Write all files anew, and the bridge's token where there is none; each appears whole.

    Raises:
        ConfigurationError: A file cannot be written.
    """
    places = Places.of(settings)
    ensure_token(settings)
    files = {
        places.rules: ruleset(settings.scrape_seconds, runbooks_address(settings)),
        places.prometheus: prometheus(settings, places),
        places.alertmanager: alertmanager(settings),
    }
    try:
        places.folder.mkdir(parents=True, exist_ok=True)
        for path, content in files.items():
            beside = path.with_name(f"{path.name}.{os.getpid()}")
            beside.touch(mode=0o600)  # the watchdog's address may be a secret
            beside.write_text(written(content))
            beside.replace(path)
    except OSError as error:
        raise ConfigurationError(f"{places.folder}: {error}", hint="EVENKEEL_HOME names another folder") from error
    return places


def prometheus(settings: Settings, places: Places) -> dict[str, Any]:
    """What Prometheus scrapes, how often, by which rules, and whom it alerts."""
    pace = f"{round(settings.scrape_seconds * 1000)}ms"
    timeout = f"{round(min(settings.scrape_seconds, SCRAPE_TIMEOUT) * 1000)}ms"
    ports = {EXPORTER_JOB: settings.exporter_port, SERVICE_JOB: settings.service_port, BRIDGE_JOB: settings.bridge_port}
    alerted = f"{settings.host}:{settings.alertmanager_port}"
    return {
        "global": {"scrape_interval": pace, "scrape_timeout": timeout, "evaluation_interval": pace},
        "rule_files": [str(places.rules)],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alerted]}]}]},
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [f"{settings.host}:{port}"]}]} for job, port in ports.items()
        ],
    }


def alertmanager(settings: Settings) -> dict[str, Any]:
    """Whom Alertmanager tells: the bridge, of whatever somebody should look at; what is only to be read, nobody.

    The watchdog goes to its own address alone, where there is one: who waits for it there must not depend on the bridge.
    """
    address = f"http://{settings.host}:{settings.bridge_port}/alerts"
    authorization = {"type": "Bearer", "credentials_file": str(token_file(settings))}
    webhook = {
        "url": address,
        "send_resolved": True,
        "max_alerts": MAX_ALERTS,
        "http_config": {"authorization": authorization, "follow_redirects": False},
    }
    return {
        "route": {
            "receiver": "bridge",
            "group_by": ["alertname", "usecase"],
            "group_wait": "1s",  # two series that breach at once are one post
            "group_interval": f"{max(1, round(settings.scrape_seconds))}s",
            "repeat_interval": "1h",  # the bridge knows an alert again
            "routes": [
                watchdog_route(settings.scrape_seconds, "watchdog" if settings.watchdog_url else "nobody"),
                {"receiver": "nobody", "matchers": ['severity="info"']},
            ],
        },
        "receivers": [{"name": "bridge", "webhook_configs": [webhook]}, {"name": "nobody"}, *_watchdog(settings)],
    }


def _watchdog(settings: Settings) -> list[dict[str, Any]]:
    """Who waits for the watchdog; nobody where no address is set."""
    webhook = {"url": settings.watchdog_url, "send_resolved": False, "max_alerts": 1}
    return [{"name": "watchdog", "webhook_configs": [webhook]}] if settings.watchdog_url else []


def runbooks_address(settings: Settings) -> str:
    """What stands in front of a runbook's path: the address of the setting, else this checkout's files."""
    return f"{settings.runbooks_url.rstrip('/') or REPOSITORY.as_uri()}/"
