"""The service under the framework's own server: the door stands inside of its stack, the answers are the same."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil

from services.forecaster.command import environment
from tests.conftest import free_port
from tests.services import tiny
from tests.services.conftest import Served

ASKED = {"rows": [[55.5, 51.25], [None, 60.0]], "lead": [0, 3]}


def test_bentoml_serve__answers_as_our_server_does(served: Served, tmp_path: Path) -> None:
    settings = served.place.settings.model_copy(update={"service_port": free_port()})
    url, log = f"http://127.0.0.1:{settings.service_port}", tmp_path / "log"
    serve = [
        sys.executable,
        "-m",
        "bentoml",
        "serve",
        "services.forecaster.service:Forecaster",
        "--port",
        str(settings.service_port),
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(
            serve,
            env={**os.environ, **environment(settings)},
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=Path(__file__).parents[2],
        )
    try:
        while not _ready(url):
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)

        theirs, ours = (httpx.post(f"{where}/predict", json=ASKED).json() for where in (url, served.target.url))
        forecast = httpx.post(f"{url}/forecast", json={"entity": "north"})

        assert {**theirs, "request_id": ""} == {**ours, "request_id": ""}
        assert forecast.status_code == 200
        assert forecast.headers["x-request-id"] == forecast.json()["request_id"]
        assert httpx.get(f"{url}/nothing").headers["content-type"] == "application/problem+json"
        for outside in _own_addresses():  # the framework listens at every address, and no keys are asked for
            refused = httpx.post(f"http://{outside}:{settings.service_port}/predict", json=ASKED)
            assert (refused.status_code, refused.json()["title"]) == (401, "Unauthorized")
            assert "EVENKEEL_KEYS_FILE" in refused.text
        assert (
            f'evenkeel_service_requests_total{{route="predict",status="200",usecase="{tiny.NAME}"}} 1.0'
            in httpx.get(f"{url}/metrics").text
        )
    finally:
        family = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        process.wait(60)
        _, left = psutil.wait_procs(family, 20)
        for one in left:
            one.kill()


def _own_addresses() -> list[str]:
    """This machine's IPv4 addresses that others reach; none where it has no network."""
    found = (address for each in psutil.net_if_addrs().values() for address in each if address.family == socket.AF_INET)
    return [address.address for address in found if not address.address.startswith("127.")]


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").is_success
    except httpx.TransportError:
        return False
