"""What every target on a cluster does alike: the lock, and the way to a track's pods."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from model_code.errors import RolloutError
from model_code.settings import Settings
from services.rollout.base import Target, Track
from services.rollout.cluster.api import Cluster
from services.rollout.cluster.forward import reached
from services.rollout.cluster.lease import Lease
from services.rollout.cluster.live import Live


class ClusterTarget(Target):
    """A target whose tracks are pods of one namespace, in the cluster that KUBECONFIG names or that this pod runs in.

    Args:
        settings: Namespace, name of the release, and where the pointer is.
        cluster: Default: the one that KUBECONFIG names, or that this pod runs in.
    """

    def __init__(self, settings: Settings, cluster: Cluster | None = None) -> None:
        self._settings = settings
        self._cluster = cluster or Cluster(settings.namespace)
        self._held: dict[str, Lease] = {}

    @abstractmethod
    def _live(self, usecase: str) -> Live:
        """What the cluster tells of a use case's release."""

    @contextmanager
    def lock(self, usecase: str) -> Iterator[None]:
        """Hold a Lease of the namespace, renewed until the end of the block; within it, again is fine.

        Raises:
            Busy: Somebody else holds and renews it.
            RolloutError: The cluster cannot be asked.
        """
        if usecase in self._held:
            self._held[usecase].check()
            yield
            return
        lease = Lease(self._cluster, f"evenkeel-rollout-{self._settings.release(usecase)}")
        lease.acquire()
        self._held[usecase] = lease
        try:
            yield
        finally:
            del self._held[usecase]
            with suppress(RolloutError):  # what cannot be given back expires by itself
                lease.release()

    @contextmanager
    def endpoint(self, usecase: str, track: Track = "stable") -> Iterator[str]:
        """The track's Service within the cluster, a forwarded port outside of it."""
        live = self._live(usecase)
        with reached(self._cluster, live.labels(track), live.port(track)) as url:
            yield url

    def _check_of(self, usecase: str) -> Callable[[], None]:
        """What raises once the lock of this use case is lost."""
        return lambda: self._held[usecase].check()
