"""A model service in a process of its own, as an operator starts it, and one connection to it."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

from model_code.settings import Settings
from services.forecaster.command import environment

QUESTION = {"rows": [[50.0, 50.0]], "lead": [0]}


class Process:
    """A service in the foreground of its own process."""

    def __init__(self, settings: Settings, log: Path, **more: str) -> None:
        self.port = settings.service_port
        self.url = f"http://127.0.0.1:{settings.service_port}"
        self.log = log
        with log.open("wb") as output:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "services.forecaster"],
                env={**os.environ, **environment(settings), **more},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def wait_ready(self) -> None:
        while True:
            assert self.popen.poll() is None, self.log.read_text()
            try:
                if httpx.get(f"{self.url}/readyz").is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)

    def ask(self, key: str | None = None, **more: Any) -> httpx.Response:
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        return httpx.post(f"{self.url}/predict", json=QUESTION | more, headers=headers)

    def end(self) -> None:
        if self.popen.poll() is None:
            family = psutil.Process(self.popen.pid).children(recursive=True)
            self.popen.terminate()
            try:
                self.popen.wait(30)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
            psutil.wait_procs(family, 10)
