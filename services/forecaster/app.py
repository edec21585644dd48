"""The application that the server runs: the door around the BentoML service."""

import os
from typing import Any, cast

from services.forecaster import parent
from services.forecaster.door import Door
from services.forecaster.exchange import App
from services.forecaster.supervisor import WORKER_SOCKET


def create() -> App:
    """The door outside of the framework's own stack, which costs as much as the rest of a short request."""
    parent.watched = WORKER_SOCKET in os.environ
    from services.forecaster.service import Forecaster, running

    return Door(cast(Any, Forecaster).to_asgi(), running)
