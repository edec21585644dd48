"""A lock that every machine sees: a Lease of the cluster, renewed while it is held, taken over only when it has expired."""

import os
import socket
import threading
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from model_code.errors import RolloutError
from services.rollout.base import Busy
from services.rollout.cluster.api import Cluster, Conflict

GROUP = "coordination.k8s.io/v1"
LEASE_SECONDS = 15
RENEW_SECONDS = 3.0
POLL_SECONDS = 0.5


class Lease:
    """One lock by name.

    Args:
        cluster: Whose namespace has it.
        name: Of the Lease object.
        seconds: How long it outlives a holder that does not renew it.
        renew: Seconds between two renewals.
    """

    def __init__(self, cluster: Cluster, name: str, *, seconds: int = LEASE_SECONDS, renew: float = RENEW_SECONDS) -> None:
        self._cluster, self._name, self._seconds, self._renew = cluster, name, seconds, renew
        self.holder = f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"
        self._ended = threading.Event()
        self._renewed = 0.0  # by this machine's monotonic clock: clocks of two machines are never compared
        self._lost = ""

    def acquire(self) -> None:
        """Take it; a holder that is gone is waited for until its lease has expired.

        Raises:
            Busy: Somebody holds it and renews it.
            RolloutError: The cluster cannot be asked.
        """
        seen, since = None, time.monotonic()
        while True:
            found = self._cluster.get(self._path)
            spec = found["spec"] if found else {}
            if not spec.get("holderIdentity") or time.monotonic() - since > float(spec.get("leaseDurationSeconds", 0)):
                if self._write(found):
                    break
                seen, since = None, time.monotonic()  # somebody was faster
                continue
            told = (spec["holderIdentity"], spec.get("renewTime"))
            if seen is not None and told != seen:
                raise _held(self._name, spec)
            seen = told
            time.sleep(POLL_SECONDS)
        threading.Thread(target=self._keep, name=f"lease {self._name}", daemon=True).start()

    def release(self) -> None:
        """Give it back; what somebody else holds by now stays theirs."""
        self._ended.set()
        found = self._cluster.get(self._path)
        if found and found["spec"].get("holderIdentity") == self.holder:
            found["spec"] |= {"holderIdentity": None, "renewTime": None}
            try:
                self._cluster.call("PUT", self._path, body=found)
            except Conflict:  # the last renewal was under way
                self.release()

    def check(self) -> None:
        """Nothing, while it is held.

        Raises:
            RolloutError: It was lost: taken over, or not renewed in time.
        """
        if self._lost or time.monotonic() - self._renewed > self._seconds:
            why = self._lost or f"it could not be renewed for {self._seconds} s"
            raise RolloutError(
                f"the lock {self._name} of this rollout is lost: {why}", hint="run it again: it goes on where it was"
            )

    @property
    def _path(self) -> str:
        return self._cluster.path("leases", self._name, GROUP)

    def _write(self, found: dict[str, Any] | None) -> bool:
        """Write this holder into the Lease as it was read; False if somebody else wrote it in the meantime."""
        began, now = time.monotonic(), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        before = found["spec"] if found else {}
        mine = before.get("holderIdentity") == self.holder
        spec = {
            "holderIdentity": self.holder,
            "leaseDurationSeconds": self._seconds,
            "acquireTime": before.get("acquireTime") if mine else now,
            "renewTime": now,
            "leaseTransitions": int(before.get("leaseTransitions", 0)) + (0 if mine else 1),
        }
        try:
            if found is None:
                new = {"apiVersion": GROUP, "kind": "Lease", "metadata": {"name": self._name}, "spec": spec}
                self._cluster.call("POST", self._cluster.path("leases", group=GROUP), body=new)
            else:
                self._cluster.call("PUT", self._path, body=found | {"spec": spec})
        except Conflict:
            return False
        self._renewed = began
        return True

    def _keep(self) -> None:
        """Renew until the end; a cluster that does not answer is asked again, another holder ends it."""
        while not self._ended.wait(self._renew):
            try:
                found = self._cluster.get(self._path)
                holder = found["spec"].get("holderIdentity") if found else None
                if holder != self.holder:
                    self._lost = self._lost or f"{holder or 'nobody'} holds it"
                    return
                if not self._ended.is_set():
                    self._write(found)
            except RolloutError:
                continue  # `check` says so once it has expired


def _held(name: str, spec: dict[str, Any]) -> Busy:
    return Busy(
        f"another rollout is going on: {spec['holderIdentity']} holds {name} since {spec.get('acquireTime')}",
        hint="wait for it; a holder that is gone loses it by itself",
    )
