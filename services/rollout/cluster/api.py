"""The API of a Kubernetes cluster, as JSON: by the official client's configuration and connection, without its models."""

import json
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from model_code.errors import RolloutError

TIMEOUT_SECONDS = (5.0, 15.0)  # to connect, to read
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
MERGE = "application/merge-patch+json"


class Conflict(RolloutError):
    """Somebody else wrote the object in the meantime."""


class NotFound(RolloutError):
    """No such object, or no such namespace; the message says which."""


class Answered(RolloutError):
    """The server answered with an error that has no class of its own.

    Args:
        code: HTTP status.
        told: What it says.
        what: Which request.
    """

    def __init__(self, code: int, told: str, what: str) -> None:
        super().__init__(f"the cluster answers {code} to {what}: {told}")
        self.code, self.told = code, told


class Cluster:
    """One namespace of the cluster that KUBECONFIG names, or that this pod runs in.

    Args:
        namespace: Where the objects are.
    """

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace

    @property
    def within(self) -> bool:
        """Whether this program runs in a pod of it, and so reaches Services by name."""
        return not _kubeconfig().is_file() and SERVICE_ACCOUNT.is_file()

    def path(self, kind: str, name: str = "", group: str = "") -> str:
        """Address of objects of a kind.

        Args:
            kind: Plural, such as `pods`.
            name: One object. Default: all.
            group: Group and version, such as `apps/v1`. Default: the core's.
        """
        root = f"/apis/{group}" if group else "/api/v1"
        return f"{root}/namespaces/{self.namespace}/{kind}" + (f"/{name}" if name else "")

    def get(self, path: str) -> dict[str, Any] | None:
        """An object; None where there is none.

        Raises:
            RolloutError: The cluster cannot be asked, and why.
        """
        try:
            found: dict[str, Any] = json.loads(self.call("GET", path))
        except NotFound:
            return None
        return found

    def items(self, path: str, **query: str) -> list[dict[str, Any]]:
        """The objects of a list; empty where the cluster does not know the kind.

        Raises:
            RolloutError: The cluster cannot be asked, and why.
        """
        try:
            found: list[dict[str, Any]] = json.loads(self.call("GET", path, query=query))["items"]
        except NotFound:
            return []
        return found

    def call(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, str] | None = None,
        content: str = "",
        timeout: tuple[float, float] = TIMEOUT_SECONDS,
    ) -> str:
        """Ask the API.

        Args:
            method: Such as `PATCH`.
            path: Below the server's address.
            body: Sent as JSON.
            query: Parameters of the address.
            content: Media type of the body. Default: application/json.
            timeout: Seconds to connect, and to read.

        Returns:
            The text of its answer.

        Raises:
            Conflict: Somebody else wrote the object in the meantime, or it exists already.
            NotFound: There is none.
            RolloutError: No cluster answers, or it refuses.
        """
        import urllib3

        kind = {"Content-Type": content or "application/json"} if body is not None else {}
        client = self._client
        request = client.param_serialize(
            method,
            path,
            query_params=list((query or {}).items()),
            header_params={"Accept": "application/json, */*"} | kind,
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            response = client.call_api(*request, _request_timeout=timeout)
            text = str(response.read(), errors="replace")
        except urllib3.exceptions.HTTPError as error:
            raise RolloutError(
                f"no cluster answers at {self._client.configuration.host}: {_cause(error)}",
                hint="look at KUBECONFIG, and whether `kubectl version` reaches it",
            ) from error
        if response.status >= 400:
            raise refused(response.status, _message(text), f"{method} {path}", self.namespace)
        return text

    @cached_property
    def _client(self) -> Any:
        from kubernetes import client
        from kubernetes.config import ConfigException, incluster_config, kube_config

        chosen = client.Configuration()
        chosen.retries = 1
        try:
            if self.within:
                incluster_config.load_incluster_config(client_configuration=chosen)  # type: ignore[no-untyped-call]
            else:
                kube_config.load_kube_config(os.fspath(_kubeconfig()), client_configuration=chosen)  # type: ignore[no-untyped-call]
        except ConfigException as error:
            raise RolloutError(
                f"no cluster is configured: {error}", hint="set KUBECONFIG to the file that names it, or EVENKEEL_TARGET=local"
            ) from error
        return client.ApiClient(chosen)


def refused(status: int, message: str, what: str, namespace: str) -> RolloutError:
    """The error of an answer of the API server."""
    if status == 404:
        return NotFound(message, hint=f"make the namespace first: kubectl create namespace {namespace}")
    if status == 409:
        return Conflict(message)
    if status == 401:
        return RolloutError("the cluster does not know these credentials (any more)", hint="log in again, or renew KUBECONFIG")
    if status == 403:
        return RolloutError(f"not allowed: {message}", hint="docs/rollout.md lists the rights that a rollout needs")
    return Answered(status, message, what)


def _kubeconfig() -> Path:
    # Read at each use, where the client's library reads it once at import; the first of several files is its main one.
    return Path(os.environ.get("KUBECONFIG", "").split(os.pathsep)[0] or "~/.kube/config").expanduser()


def _message(text: str) -> str:
    """What a Status of the API says, or a problem document of a service behind it."""
    try:
        told = json.loads(text)
        return str(told.get("message") or told["detail"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return text[:500]


def _cause(error: BaseException) -> str:
    return str(getattr(error, "reason", None) or error)
