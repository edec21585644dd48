"""The model service as a part of the local stack: a rollout to this machine, if a model is promoted."""

from model_code.pointer import Pointers
from model_code.settings import Settings
from model_code.sql import engine
from model_code.usecase import load_usecase
from services.rollout.local.service import LocalService, Status


def start(settings: Settings) -> bool:
    """Serve the wanted bundle of `settings.usecase`; False if there is none, as before the first promotion.

    Raises:
        RolloutError: The port is taken, or the bundle does not answer.
    """
    database = engine(settings.sql)
    try:
        promoted = Pointers(database).get(settings.usecase) is not None
    finally:
        database.dispose()
    if promoted:
        LocalService(settings).deploy(load_usecase(settings.usecase, settings))
    return promoted


def stop(settings: Settings) -> bool:
    """End the service, whoever started it: `start` or a flow. False if none ran."""
    target = LocalService(settings)
    ran = target.status().running
    target.stop()
    return ran


def status(settings: Settings) -> Status:
    """What the service says of itself."""
    return LocalService(settings).status()
