"""Reaching pods from here: by name within the cluster, through `kubectl port-forward` from outside of it."""

import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from model_code.errors import RolloutError
from services.rollout.cluster.api import Cluster
from services.rollout.cluster.program import bound
from services.rollout.cluster.trouble import is_ready

PORT = 3000  # of the service in its pod
PATIENCE_SECONDS = 30.0
RETRY_SECONDS = 0.2
INSTALL = "install it and put it into PATH: it leads to pods from outside"


@contextmanager
def reached(cluster: Cluster, labels: Mapping[str, str], service: tuple[str, int] | None = None) -> Iterator[str]:
    """A base URL that reaches ready pods with these labels, for as long as the block lasts.

    From outside it is one pod at a time; when that one goes, another one takes its place at the same address.

    Args:
        cluster: Where they are.
        labels: All of them.
        service: Name and port of the Service of these pods, which shares requests out within the cluster. Default: a pod.

    Raises:
        RolloutError: No pod is ready, or kubectl is not installed.
    """
    selector = ",".join(f"{name}={value}" for name, value in labels.items())
    if cluster.within and service is not None:
        yield f"http://{service[0]}.{cluster.namespace}:{service[1]}"
    elif cluster.within:
        yield f"http://{_ready_pod(cluster, selector)['status']['podIP']}:{PORT}"
    else:
        with _forwarded(cluster, selector) as port:
            yield f"http://127.0.0.1:{port}"


@contextmanager
def _forwarded(cluster: Cluster, selector: str) -> Iterator[int]:
    _ready_pod(cluster, selector)  # said at once, and not after a while of trying
    tunnel = _Tunnel(cluster, selector, bound("kubectl", INSTALL))
    try:
        tunnel.open()
        yield tunnel.port
    finally:
        tunnel.close()


class _Tunnel:
    """A port of this machine that leads to a ready pod."""

    def __init__(self, cluster: Cluster, selector: str, program: list[str]) -> None:
        self.port = _free_port()
        self._cluster, self._selector, self._program = cluster, selector, program
        self._ended, self._said = threading.Event(), ""
        self._running: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._keep, name="port-forward", daemon=True)

    def open(self) -> None:
        """Start it, and wait until it listens."""
        self._thread.start()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not _listens(self.port):
            if time.monotonic() > deadline:
                raise RolloutError(f"no way to the pods with {self._selector}: {self._said or 'kubectl does not connect'}")
            time.sleep(0.05)

    def close(self) -> None:
        """End it."""
        self._ended.set()
        if self._running is not None:
            self._running.terminate()
        self._thread.join()

    def _keep(self) -> None:
        while not self._ended.is_set():
            try:
                pod = str(_ready_pod(self._cluster, self._selector)["metadata"]["name"])
            except RolloutError as error:
                self._said = str(error)
            else:
                self._forward(pod)
            self._ended.wait(RETRY_SECONDS)

    def _forward(self, pod: str) -> None:
        command = [*self._program, "--namespace", self._cluster.namespace, "port-forward", f"pod/{pod}", f"{self.port}:{PORT}"]
        self._running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if self._ended.is_set():
            self._running.terminate()
        # It goes on after a lost connection, and says so: only a new one leads anywhere.
        assert self._running.stderr is not None
        for line in self._running.stderr:
            self._said = line.strip()
            if "lost connection" in line or "error" in line.lower():
                self._running.terminate()
        self._running.wait()
        self._running.stderr.close()


def _ready_pod(cluster: Cluster, selector: str) -> dict[str, Any]:
    pods = cluster.items(cluster.path("pods"), labelSelector=selector)
    ready = [pod for pod in pods if is_ready(pod) and "deletionTimestamp" not in pod["metadata"]]
    if not ready:
        raise RolloutError(f"no pod with {selector} is ready in namespace {cluster.namespace}", hint="see what its status says")
    return ready[-1]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
