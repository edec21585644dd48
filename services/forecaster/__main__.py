"""`python -m services.forecaster --usecase NAME --port N`: become the BentoML server of that use case."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from model_code.settings import Settings
from model_code.usecase import load_usecase

SERVICE = "services.forecaster.service:Forecaster"
CHECKOUT = Path(__file__).parents[2]


def main(arguments: Sequence[str] | None = None) -> None:
    """Check the settings, then become the server: one process to watch and to stop.

    Raises:
        ConfigurationError: A setting is wrong, or there is no such use case.
    """
    settings = Settings.load()
    parser = argparse.ArgumentParser(prog="python -m services.forecaster", description=__doc__)
    parser.add_argument("--usecase", default=settings.usecase, help="name of the use case (EVENKEEL_USECASE)")
    parser.add_argument("--host", default=settings.host, help="address to listen on (EVENKEEL_HOST)")
    parser.add_argument("--port", type=int, default=settings.service_port, help="port (EVENKEEL_SERVICE_PORT)")
    given = parser.parse_args(arguments)
    chosen = settings.model_copy(update={"usecase": given.usecase, "host": given.host, "service_port": given.port})
    load_usecase(chosen.usecase, chosen)
    os.environ.update(environment(chosen))
    where = ["--host", chosen.host, "--port", str(chosen.service_port), "--working-dir", os.getcwd()]
    os.execv(sys.executable, [sys.executable, "-m", "bentoml", "serve", SERVICE, *where])  # noqa: S606


def environment(settings: Settings) -> dict[str, str]:
    """What the server needs beside the inherited environment."""
    found = [str(CHECKOUT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {
        **settings.environment(),
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(found)),
        "BENTOML_HOME": str((settings.home / "bentoml" / str(settings.service_port)).absolute()),
        "BENTOML_DO_NOT_TRACK": "True",
    }


if __name__ == "__main__":
    main()
