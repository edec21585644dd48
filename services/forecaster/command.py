"""`python -m services.forecaster --usecase NAME --port N`: serve that use case in the foreground."""

import argparse
import os
import socket
from collections.abc import Sequence
from pathlib import Path

from model_code import logs
from model_code.errors import ConfigurationError, EvenkeelError
from model_code.settings import Settings
from model_code.usecase import load_usecase
from services.forecaster.loopback import is_loopback
from services.forecaster.supervisor import WORKER_SOCKET, Supervisor

CHECKOUT = Path(__file__).parents[2]
END_SECONDS = 45.0


def run() -> int | str:
    """What the process ends with: a status, or the error that it is to print."""
    try:
        return main()
    except EvenkeelError as error:
        return f"{type(error).__name__}: {error}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the settings, listen, and serve until a signal ends it.

    Raises:
        ConfigurationError: A setting is wrong, there is no such use case, or the address cannot be listened on.
    """
    settings = Settings.load()
    logs.configure(settings.log_format)
    inherited = os.environ.get(WORKER_SOCKET)
    chosen = _chosen(settings, arguments)
    logs.identify(usecase=chosen.usecase)
    if inherited is not None:
        return _work(chosen, socket.socket(fileno=int(inherited)))
    load_usecase(chosen.usecase, chosen)
    check_keys(chosen)
    os.environ.update(environment(chosen))
    from services.forecaster.server import listen

    listening = listen(chosen)
    if chosen.workers == 1:
        return _work(chosen, listening)
    return Supervisor(listening, chosen.workers, chosen.drain_seconds + END_SECONDS).run()


def environment(settings: Settings) -> dict[str, str]:
    """What the server needs beside the inherited environment."""
    found = [str(CHECKOUT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {
        **settings.environment(),
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(found)),
        "BENTOML_HOME": str((settings.home / "bentoml" / str(settings.service_port)).absolute()),
        "BENTOML_DO_NOT_TRACK": "True",
        "ORT_DISABLE_TELEMETRY": "1",
    }


def check_keys(settings: Settings) -> None:
    """Refuse to answer other machines without keys.

    Raises:
        ConfigurationError: The address is not loopback, and no keys file is named or it is wrong.
    """
    if settings.keys_file is not None:
        from services.forecaster.keys import Keys

        Keys(settings.keys_file)
    elif not is_loopback(settings.host):
        raise ConfigurationError(
            f"{settings.host} is reached from other machines, and no keys are asked for",
            hint="set EVENKEEL_KEYS_FILE (`python -m services.forecaster.keys new NAME --file FILE` makes one)",
        )


def _chosen(settings: Settings, arguments: Sequence[str] | None) -> Settings:
    parser = argparse.ArgumentParser(prog="python -m services.forecaster", description=__doc__)
    parser.add_argument("--usecase", default=settings.usecase, help="name of the use case (EVENKEEL_USECASE)")
    parser.add_argument("--host", default=settings.host, help="address to listen on (EVENKEEL_HOST)")
    parser.add_argument("--port", type=int, default=settings.service_port, help="port (EVENKEEL_SERVICE_PORT)")
    parser.add_argument("--workers", type=int, default=settings.workers, help="worker processes (EVENKEEL_WORKERS)")
    given = parser.parse_args(arguments)
    wanted = {"usecase": given.usecase, "host": given.host, "service_port": given.port, "workers": given.workers}
    try:
        return Settings.model_validate({**settings.model_dump(), **wanted})
    except ValueError as error:
        raise ConfigurationError(f"wrong setting: {error}", hint="see docs/settings.md") from error


def _work(settings: Settings, listening: socket.socket) -> int:
    from services.forecaster.server import run_worker

    run_worker(settings, listening)
    return 0
