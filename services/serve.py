"""`python -m services.serve --usecase NAME --port N`: the champion in the foreground, the demo's where there is no other."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from model_code.errors import ConfigurationError, EvenkeelError
from model_code.pointer import Pointers
from model_code.settings import Settings
from model_code.settings_group import PREFIX
from model_code.sql import engine

DEMO = "demo"  # folder of the demo's installation within HOME


def main(arguments: Sequence[str] | None = None) -> int:
    """Become the service; exit code 1 where there is nothing to serve."""
    try:
        settings = Settings.load()
        parser = argparse.ArgumentParser(prog="python -m services.serve", description=__doc__)
        parser.add_argument("--usecase", default=settings.usecase, help="name of the use case (EVENKEEL_USECASE)")
        parser.add_argument("--port", type=int, default=settings.service_port, help="port (EVENKEEL_SERVICE_PORT)")
        options = parser.parse_args(arguments)
        home = home_of_champion(options.usecase, settings)
    except EvenkeelError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{options.usecase} of {home} on http://{settings.host}:{options.port} (end it with Ctrl-C)", flush=True)
    os.environ[f"{PREFIX}HOME"] = str(home)
    command = [sys.executable, "-m", "services.forecaster", "--usecase", options.usecase, "--port", str(options.port)]
    os.execv(sys.executable, command)  # noqa: S606


def home_of_champion(usecase: str, settings: Settings) -> Path:
    """The installation that has a champion of the use case: the settings', else the demo's.

    Raises:
        ConfigurationError: Neither has one.
    """
    homes = [settings.home] if settings.sql_url else [settings.home, settings.home / DEMO]
    for home in homes:
        chosen = settings.model_copy(update={"home": home})
        if settings.sql_url or (home / "evenkeel.db").exists():
            database = engine(chosen.sql)
            try:
                if Pointers(database).get(usecase) is not None:
                    return home.resolve()
            finally:
                database.dispose()
    raise ConfigurationError(f"no version of {usecase} was promoted yet", hint="run make demo, or make up USECASE=…")


if __name__ == "__main__":
    sys.exit(main())
