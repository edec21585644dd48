"""Settings of what watches and of the local stack: ports, Prometheus, Grafana, reports, the alert bridge, messages, logs."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from model_code.settings_group import SettingsGroup


class WatchSettings(SettingsGroup):
    """Read by the local stack, the exporter, the bridge and the reports."""

    prefect_port: int = Field(4200, ge=1, le=65535, description="Port of the local Prefect server.")
    mlflow_port: int = Field(5000, ge=1, le=65535, description="Port of the local MLflow server.")
    exporter_port: int = Field(9464, ge=1, le=65535, description="Port of the metrics exporter.")
    prometheus_port: int = Field(
        9467,
        ge=1,
        le=65535,
        description="Port of the local Prometheus, where it is installed. Default: beside the exporter's; Debian's package starts one of its own on 9090.",
    )
    prometheus_days: int = Field(
        90,
        ge=1,
        le=3_650,
        description="Days for which Prometheus keeps series. Default: a quarter, so that a season can be seen.",
    )
    alertmanager_port: int = Field(
        9468, ge=1, le=65535, description="Port of the local Alertmanager, where it is installed. Default: beside Prometheus'."
    )
    scrape_seconds: float = Field(
        15.0,
        ge=1,
        le=60,
        description="Seconds between two scrapes, and two looks at the rules; waits of alerts follow from it. At most a minute: some rules look back five. Default: Prometheus' usual pace; drills take 1.",
    )
    runbooks_url: str = Field(
        "",
        description="Address of the folder that holds monitoring/runbooks, for links in alerts. Default: this checkout's files.",
    )
    grafana_url: str = Field(
        "",
        description="Address of the Grafana that gets releases, actions and incidents as annotations, with its path. Default: none, nothing is written.",
    )
    grafana_token: str = Field(
        "",
        repr=False,
        description="Token of a service account that may write annotations, from the environment only. Default: none, needed with an address.",
    )
    reports_port: int = Field(9466, ge=1, le=65535, description="Port of the report server. Default: beside the bridge's.")
    report_pages: Literal["always", "breach", "never"] = Field(
        "always",
        description="When a report has pages for people beside its numbers; each page takes a second or two. Default: always; `breach` leaves out those on schedule.",
    )
    bridge_port: int = Field(
        9465, ge=1, le=65535, description="Port of the bridge from Alertmanager to Prefect. Default: beside the exporter's."
    )
    bridge_token: str = Field(
        "",
        repr=False,
        description="Bearer token that Alertmanager shows to the bridge, from the environment only. Default: made once, in HOME/run/bridge.token for its owner alone.",
    )
    watchdog_url: str = Field(
        "",
        repr=False,
        description="Where Alertmanager posts an alert that always fires, every four scrapes: a service outside that calls a person when it stops coming, since nothing inside can tell that Prometheus is down. From the environment only, as its path is often a secret. Default: nowhere.",
    )
    notify_urls: str = Field(
        "",
        repr=False,
        description="Where incidents and alerts of severity `page` are told of: Apprise URLs (mailtos://, slack://, jsons://, …), separated by spaces, from the environment only. Default: nobody.",
    )
    notify_file: Path | None = Field(
        None, description="File of such URLs, one a line, read anew for messages; a mounted secret, say. Default: none."
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="Form of every part's log lines: `text` for people, `json` for a collector. Default: people."
    )
