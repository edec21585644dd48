"""`python -m monitoring.prometheus`: write the configuration of Prometheus and Alertmanager, and say how to start them."""

import shlex
import sys

from model_code.exit_status import exit_status
from model_code.settings import Settings
from monitoring.prometheus.configuration import write
from monitoring.prometheus.programs import PACKAGES, alertmanager_command, prometheus_command


def main() -> int:
    """Exit code 0; 1 where a setting is wrong or a file cannot be written."""
    return exit_status(_write)


def _write() -> None:
    settings = Settings.load()
    places = write(settings)
    print(f"written: {places.prometheus}, {places.rules}, {places.alertmanager}")
    for name, command in {"prometheus": prometheus_command(settings), "alertmanager": alertmanager_command(settings)}.items():
        print(shlex.join(command) if command else f"{name} is not installed: apt-get install {PACKAGES[name]}")


if __name__ == "__main__":
    sys.exit(main())
