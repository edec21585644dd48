"""Who may ask, how often, and how many at once; no more than that is decided before a request is read."""

import time
from collections import defaultdict

from services.forecaster.exchange import Exchange
from services.forecaster.problems import Overloaded
from services.forecaster.running import Running

ANONYMOUS = "anonymous"
OPEN = frozenset({"pages"})  # the framework's page that shows the API: it holds no data


class Admission:
    """The guards that every route shares.

    Args:
        running: Its keys and limits hold.
    """

    def __init__(self, running: Running) -> None:
        self._keys = running.keys
        limits = running.limits
        self._most = {"forecast": limits.forecasts_at_once, "batch": limits.batches_at_once}
        self._total = limits.at_once
        self._inside = 0
        self._by_route: defaultdict[str, int] = defaultdict(int)

    def enter(self, exchange: Exchange, route: str) -> str:
        """A place for one request, to be left again; gives the name of who asks.

        Raises:
            Unauthorized: The key is missing or unknown.
            TooManyRequests: The key's rate is used up.
            Overloaded: All places are taken.
        """
        asker = ANONYMOUS if route in OPEN else self.identify(exchange)
        if self._inside >= self._total:
            raise Overloaded(f"{self._inside} requests are in work", hint="ask again, or run more replicas")
        most = self._most.get(route)
        if most is not None and self._by_route[route] >= most:
            raise Overloaded(f"{most} requests to /{route} are in work", hint="ask again, or run more replicas")
        self._inside += 1
        self._by_route[route] += 1
        return asker

    def identify(self, exchange: Exchange) -> str:
        """The name of who asks, by the key.

        Raises:
            Unauthorized: The key is missing or unknown.
            TooManyRequests: The key's rate is used up.
        """
        if self._keys is None:
            return ANONYMOUS
        return self._keys.admit(exchange.header(b"authorization"), time.monotonic()).name

    def leave(self, route: str) -> None:
        """Give the place back."""
        self._inside -= 1
        self._by_route[route] -= 1
