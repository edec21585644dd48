"""The cluster that KUBECONFIG or `TEST_SHARED` names: kubectl, helm, and what takes images there."""

import copy
import json
import os
import re
import shlex
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

INGRESS = os.environ.get("E2E_INGRESS", "http://127.0.0.1:8000")
LOAD = os.environ.get("E2E_LOAD", "")
# Several sessions may share a cluster, and so may the workers of one.
NAMESPACE = os.environ.get("E2E_NAMESPACE", "evenkeel-e2e") + os.environ.get("PYTEST_XDIST_WORKER", "").replace("gw", "-")
WAIT_SECONDS = 180.0
PAUSE_SECONDS = 3.0


class Cluster:
    """One namespace of a cluster, with restricted Pod Security.

    Args:
        folder: Has `env`, which prints how to reach the cluster, and `load`, which takes an image there. None: KUBECONFIG
            names the cluster, kubectl and helm are in the PATH, and E2E_LOAD is the command that takes an image there.
        namespace: What tests put there; gone with `delete`.

    Attributes:
        environment: Of every command that is to reach it.
        loader: The command that takes an image there.
    """

    def __init__(self, folder: Path | None, namespace: str) -> None:
        self.folder, self.namespace, self.loader = folder, namespace, shlex.split(LOAD)
        self.environment = dict(os.environ)
        if folder is not None:
            self.loader = [str(folder / "load")]
            self._reach(folder)

    def _reach(self, folder: Path) -> None:
        told = subprocess.run([folder / "env"], capture_output=True, text=True, check=True).stdout
        values = dict(re.findall(r"(\w+)=(\S+)", told))
        self.environment["KUBECONFIG"] = values["KUBECONFIG"]
        self.environment["PATH"] = values["PATH"].replace("$PATH", os.environ["PATH"])

    def answers(self) -> bool:
        """Whether it is up."""
        command = ["kubectl", "get", "--raw", "/readyz", "--request-timeout=5s"]
        return subprocess.run(command, env=self.environment, capture_output=True, check=False).returncode == 0

    def create(self) -> None:
        """The empty namespace."""
        self.delete()
        self.kubectl("create", "namespace", self.namespace, namespaced=False)
        level = "pod-security.kubernetes.io/enforce=restricted"
        self.kubectl("label", "namespace", self.namespace, level, namespaced=False)

    def beside(self, name: str) -> "Cluster":
        """Another namespace of the same cluster, not yet made."""
        other = copy.copy(self)
        other.namespace = f"{self.namespace}-{name}"
        return other

    def delete(self) -> None:
        """The namespace with all that is in it."""
        self.kubectl("delete", "namespace", self.namespace, "--ignore-not-found", "--timeout=120s", namespaced=False)

    def kubectl(self, *arguments: str, given: str | None = None, namespaced: bool = True) -> str:
        return self._run("kubectl", *(("-n", self.namespace) if namespaced else ()), *arguments, given=given)

    def helm(self, *arguments: str, given: str | None = None) -> str:
        return self._run("helm", "-n", self.namespace, *arguments, given=given)

    def load(self, image: str) -> None:
        """An image of the engine, to where pods find it; asked once more, for an engine that builds beside it may stumble.

        Raises:
            AssertionError: Twice; what the engine and the cluster said.
        """
        try:
            self._run(*self.loader, image)
        except AssertionError as error:
            print(f"\nonce more in {PAUSE_SECONDS:.0f} s: {error}", flush=True)
            time.sleep(PAUSE_SECONDS)
            self._run(*self.loader, image)

    def secret(self, name: str, values: dict[str, str]) -> None:
        """Made, or made anew: several stages of a session bring their own."""
        self.kubectl("delete", "secret", name, "--ignore-not-found")
        literals = [f"--from-literal={key}={value}" for key, value in values.items()]
        self.kubectl("create", "secret", "generic", name, *literals)

    def pods(self, release: str) -> list[dict[str, Any]]:
        """The service's pods that are not about to end."""
        selector = f"app.kubernetes.io/instance={release},app.kubernetes.io/component=service"
        found = json.loads(self.kubectl("get", "pods", "-l", selector, "-o", "json"))["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def rolled_out(self, release: str) -> None:
        """Wait until every pod is of the latest revision and ready, also when one was deleted a moment ago."""
        self.kubectl("rollout", "status", f"deployment/{release}", f"--timeout={WAIT_SECONDS:.0f}s")
        # The Deployment's status, which that reads, hears of a deleted pod later than the list of pods does.
        until(lambda: self._is_complete(release), "the pods that are wanted")

    def _is_complete(self, release: str) -> bool:
        spec = json.loads(self.kubectl("get", "deployment", release, "-o", "json"))["spec"]
        labels = ",".join(f"{name}={value}" for name, value in spec["selector"]["matchLabels"].items())
        found = json.loads(self.kubectl("get", "pods", "-l", labels, "-o", "json"))["items"]
        staying = [pod for pod in found if "deletionTimestamp" not in pod["metadata"] and pod["status"]["phase"] != "Failed"]
        return len(staying) == spec["replicas"] and all(_is_ready(pod) for pod in staying)

    def python(self, pod: str, code: str) -> str:
        """What a Python program prints in a pod."""
        return self.kubectl("exec", pod, "--", "python", "-c", code)

    @contextmanager
    def forwarded(self, target: str, port: int) -> Iterator[int]:
        """A port of a pod or Service on loopback of this machine; forwarded anew when the connection is lost."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            local = int(probe.getsockname()[1])
        loop = f"while true; do kubectl -n {self.namespace} port-forward {target} {local}:{port} >/dev/null 2>&1; sleep 0.2; done"
        running = subprocess.Popen(["bash", "-c", loop], env=self.environment, start_new_session=True)
        try:
            until(lambda: _listens(local), "the forwarded port")
            yield local
        finally:
            os.killpg(running.pid, 15)
            running.wait()

    def _run(self, *command: str, given: str | None = None) -> str:
        done = subprocess.run(command, env=self.environment, input=given, capture_output=True, text=True, check=False)
        if done.returncode:
            raise AssertionError(f"{' '.join(command)}: {done.stderr}{done.stdout}")
        return done.stdout


def _is_ready(pod: dict[str, Any]) -> bool:
    conditions = pod["status"].get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def until(holds: Callable[[], object], what: str, seconds: float = WAIT_SECONDS) -> float:
    """Wait until something holds; how long it took.

    Raises:
        AssertionError: It does not within `seconds`.
    """
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, f"{what} did not come within {seconds:g} s"
        time.sleep(0.02)
    return time.monotonic() - began


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
