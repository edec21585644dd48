"""The parts of the local stack: what each runs, where it listens, how one knows that it is ready."""

import os
import shlex
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from model_code.settings import PREFIX, Settings

REPOSITORY = Path(__file__).parent.parent.parent
LAUNCH = REPOSITORY / "flows" / "warm" / "launch.py"
WORK_POOL = "local"


@dataclass(frozen=True)
class Part:
    """One process of the stack.

    Attributes:
        ready: Whether it answers.
        setting: Setting that names its port; "" without a port.
        waits: Started only when the deployments are there.
    """

    name: str
    command: tuple[str, ...]
    ready: Callable[[], bool]
    url: str = ""
    port: int | None = None
    setting: str = ""
    waits: bool = False


def all_parts(settings: Settings) -> dict[str, Part]:
    """Every part that is a plain process, by name, in the order in which they start."""
    host, python = settings.host, sys.executable
    prefect, mlflow = f"http://{host}:{settings.prefect_port}", f"http://{host}:{settings.mlflow_port}"
    exporter = f"http://{host}:{settings.exporter_port}"
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
    ]  # fmt: skip
    return {part.name: part for part in parts}


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
    }


def run_command(settings: Settings) -> str:
    """The command of one flow run, for the work pool: the client of the warm process."""
    return shlex.join([sys.executable, "-I", "-S", str(LAUNCH), str(socket_path(settings))])


def socket_path(settings: Settings) -> Path:
    """Where the warm process listens."""
    return settings.home.resolve() / "run" / "zygote.sock"


def allowed_hosts(settings: Settings) -> str:
    """What MLflow accepts as Host header: each name with and without its port."""
    names = dict.fromkeys([settings.host, "localhost", "127.0.0.1"])
    return ",".join(f"{name}{port}" for name in names for port in ("", f":{settings.mlflow_port}"))


def answers(url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        return httpx.get(url, timeout=2, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def worker_polls(prefect: str) -> bool:
    """Whether a worker of the local work pool has reported itself."""
    try:
        reply = httpx.post(f"{prefect}/api/work_pools/{WORK_POOL}/workers/filter", json={}, timeout=2, trust_env=False)
    except httpx.HTTPError:
        return False
    return reply.status_code == httpx.codes.OK and any(worker["status"] == "ONLINE" for worker in reply.json())


def taken(host: str, port: int) -> bool:
    """Whether somebody listens there already."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False
