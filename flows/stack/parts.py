"""The parts of the local stack: what each runs, where it listens, how one knows that it is ready."""

import http.client
import json
import os
import socket
import sys
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from pathlib import Path

from model_code import logs
from model_code.settings import Settings
from model_code.settings_group import PREFIX
from monitoring.prometheus import configuration
from monitoring.prometheus.programs import alertmanager_command, prometheus_command

REPOSITORY = Path(__file__).parent.parent.parent
LAUNCH = REPOSITORY / "flows" / "warm" / "launch.py"
WORK_POOL = "local"
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy stands between us and ourselves


@dataclass(frozen=True)
class Part:
    """One process of the stack.

    Attributes:
        ready: Whether it answers.
        setting: Setting that names its port; "" without a port.
        waits: Started only when the deployments are there.
        prepare: Done just before it is started.
    """

    name: str
    command: tuple[str, ...]
    ready: Callable[[], bool]
    url: str = ""
    port: int | None = None
    setting: str = ""
    waits: bool = False
    prepare: Callable[[], object] = lambda: None


def all_parts(settings: Settings) -> dict[str, Part]:
    """Every part that is a plain process, by name, in the order in which they start."""
    host, python = settings.host, sys.executable
    prefect, mlflow = f"http://{host}:{settings.prefect_port}", f"http://{host}:{settings.mlflow_port}"
    exporter, bridge = f"http://{host}:{settings.exporter_port}", f"http://{host}:{settings.bridge_port}"
    reports = f"http://{host}:{settings.reports_port}"
    parts = [
        Part(
            "prefect",
            (python, "-m", "prefect", "server", "start", "--host", host, "--port", str(settings.prefect_port)),
            lambda: answers(f"{prefect}/api/health"), prefect, settings.prefect_port, "PREFECT_PORT",
        ),
        Part(
            "zygote",
            (python, "-m", "flows.warm", "serve", "--socket", str(socket_path(settings))),
            socket_path(settings).is_socket,
        ),
        Part(
            "worker",
            (python, "-m", "prefect", "worker", "start", "--pool", WORK_POOL, "--type", "process", "--name", "local"),
            lambda: worker_polls(prefect), waits=True,
        ),
        Part(
            "mlflow",
            (
                python, "-m", "mlflow", "server", "--backend-store-uri", settings.mlflow, "--workers", "1",
                "--artifacts-destination", str(settings.home.resolve() / "artifacts"),
                "--host", host, "--port", str(settings.mlflow_port), "--allowed-hosts", allowed_hosts(settings),
            ),
            lambda: answers(f"{mlflow}/health"), mlflow, settings.mlflow_port, "MLFLOW_PORT",
        ),
        Part(
            "exporter",
            (python, "-m", "monitoring.exporter"),
            lambda: answers(f"{exporter}/metrics"), exporter, settings.exporter_port, "EXPORTER_PORT",
        ),
        Part(
            "bridge",
            (python, "-m", "monitoring.alert_bridge"),
            lambda: answers(f"{bridge}/readyz"), bridge, settings.bridge_port, "BRIDGE_PORT",
        ),
        Part(
            "reports",
            (python, "-m", "monitoring.reports", "serve"),
            lambda: answers(f"{reports}/livez"), reports, settings.reports_port, "REPORTS_PORT",
        ),
    ]  # fmt: skip
    return {part.name: part for part in (*(logged(part, settings) for part in parts), *watchers(settings))}


def logged(part: Part, settings: Settings) -> Part:
    """The part, whose every line is JSON where that is wanted: also the banners and warnings of the programs that it is made of."""
    if settings.log_format != "json":
        return part
    return replace(part, command=(sys.executable, "-m", "model_code.json_lines", part.name, *part.command))


def watchers(settings: Settings) -> list[Part]:
    """Prometheus and Alertmanager, where they are installed."""
    prometheus, alertmanager = (
        f"http://{settings.host}:{settings.prometheus_port}",
        f"http://{settings.host}:{settings.alertmanager_port}",
    )
    wanted = (
        ("alertmanager", alertmanager_command(settings), alertmanager, settings.alertmanager_port),
        ("prometheus", prometheus_command(settings), prometheus, settings.prometheus_port),
    )
    return [
        Part(
            name, command, partial(answers, f"{url}/-/ready"), url, port, f"{name.upper()}_PORT",
            prepare=partial(configuration.write, settings),
        )
        for name, command, url, port in wanted
        if command is not None
    ]  # fmt: skip


def environment(settings: Settings) -> dict[str, str]:
    """The environment of every part: this process's own, the settings with absolute paths, nothing that phones home."""
    prefect = settings.home.resolve() / "prefect"
    stated = {f"{PREFIX}{name.upper()}": str(value) for name, value in settings.model_dump(exclude_defaults=True).items()}
    return {
        **os.environ,
        **stated,
        f"{PREFIX}HOME": str(settings.home.resolve()),
        "PREFECT_API_URL": f"http://{settings.host}:{settings.prefect_port}/api",
        "PREFECT_HOME": str(prefect),
        "PREFECT_PROFILES_PATH": str(prefect / "profiles.toml"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_CLI_PROMPT": "false",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_WORKER_PREFETCH_SECONDS": "1",
        "DO_NOT_TRACK": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "BENTOML_DO_NOT_TRACK": "True",
        "ORT_DISABLE_TELEMETRY": "1",
        "PYTHONUNBUFFERED": "1",
        **(logs.PREFECT_AS_JSON if settings.log_format == "json" else {}),
    }


def launch(settings: Settings) -> list[str]:
    """Start of a command that runs a module warm; by itself it is one flow run, which is the work pool's command."""
    return [sys.executable, "-I", "-S", str(LAUNCH), str(socket_path(settings))]


def socket_path(settings: Settings) -> Path:
    """Where the warm process listens."""
    return settings.home.resolve() / "run" / "zygote.sock"


def allowed_hosts(settings: Settings) -> str:
    """What MLflow accepts as Host header: each name with and without its port."""
    names = dict.fromkeys([settings.host, "localhost", "127.0.0.1"])
    return ",".join(f"{name}{port}" for name in names for port in ("", f":{settings.mlflow_port}"))


def ask(url: str, body: bytes | None = None) -> bytes | None:
    """The answer to a GET, or to a POST of JSON; None unless it is 200. Asked often while others start, so it is light."""
    headers = {"Content-Type": "application/json"} if body else {}
    try:
        with DIRECT.open(urllib.request.Request(url, body, headers), timeout=2) as reply:  # noqa: S310  # http, our own
            return reply.read() if reply.status == HTTPStatus.OK else None
    except (OSError, http.client.HTTPException):
        return None


def answers(url: str) -> bool:
    """Whether a GET is answered with 200."""
    return ask(url) is not None


def worker_polls(prefect: str) -> bool:
    """Whether a worker of the local work pool has reported itself."""
    workers = ask(f"{prefect}/api/work_pools/{WORK_POOL}/workers/filter", b"{}")
    return workers is not None and any(worker["status"] == "ONLINE" for worker in json.loads(workers))


def taken(host: str, port: int) -> bool:
    """Whether somebody listens there already."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False
