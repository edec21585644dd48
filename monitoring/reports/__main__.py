"""`python -m monitoring.reports serve`: the reports on EVENKEEL_REPORTS_PORT, until SIGTERM."""

import argparse
import logging
import sys

import uvicorn

from model_code import logs
from model_code.errors import EvenkeelError
from model_code.settings import Settings
from monitoring.reports.server import app_of

LOG = logging.getLogger("evenkeel.reports")


def main() -> None:
    """Serve until a signal ends it.

    Raises:
        SystemExit: Wrong settings, or the port is taken; with the error in words.
    """
    parser = argparse.ArgumentParser(prog="python -m monitoring.reports")
    parser.add_argument("word", choices=["serve"])
    parser.parse_args()
    try:
        settings = Settings.load()
    except EvenkeelError as error:
        sys.exit(f"{error.title}: {error}")
    logs.configure(settings.log_format)
    LOG.info("serving http://%s:%s", settings.host, settings.reports_port)
    app = app_of((settings.home / "reports").resolve())
    uvicorn.run(app, host=settings.host, port=settings.reports_port, log_config=None, access_log=False, server_header=False)


if __name__ == "__main__":
    main()
