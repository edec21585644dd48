"""`python -m monitoring.grafana`: write dashboards and provisioning here, for an installation, or draw them."""

import argparse
from pathlib import Path

from model_code.errors import ConfigurationError, EvenkeelError
from model_code.settings import Settings
from monitoring.grafana.boards import BOARDS
from monitoring.grafana.dashboard import Links
from monitoring.grafana.page import page
from monitoring.grafana.provisioning import HERE, ROOT, Addresses, write

DOCS = ROOT / "docs"


def main() -> None:
    """Run one command; exits with the error in words."""
    parser = argparse.ArgumentParser(prog="python -m monitoring.grafana", description="Grafana as code.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("write", help="make the committed files and docs/dashboards.md again")
    provision = commands.add_parser("provision", help="write what a Grafana reads at its start")
    provision.add_argument("folder", type=Path)
    provision.add_argument("--prometheus", help="its address as Grafana reaches it; default: the local stack's")
    provision.add_argument("--prefect", help="its address as a browser reaches it; default: the local stack's")
    provision.add_argument("--reports", help="their address as a browser reaches it; default: the local stack's")
    provision.add_argument("--dashboards", help="the dashboards' folder on Grafana's machine; default: FOLDER/dashboards")
    commands.add_parser("pictures", help="draw docs/dashboards/*.png (needs Prometheus and matplotlib)")
    options = parser.parse_args()
    try:
        if options.command == "write":
            written = write(HERE)
            (DOCS / "dashboards.md").write_text(page(BOARDS))
        elif options.command == "provision":
            written = write(options.folder, _addresses(options))
        else:
            written = _drawn()
    except EvenkeelError as error:
        raise SystemExit(f"{error.title}: {error}") from error
    print("\n".join(str(path) for path in written))


def _drawn() -> list[Path]:
    try:
        from monitoring.grafana.pictures.drawing import draw_all
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"{error.name} is not installed", hint="requirements/dev.txt has it") from error
    return draw_all(DOCS / "dashboards")


def _addresses(options: argparse.Namespace) -> Addresses:
    settings = Settings.load()
    return Addresses(
        prometheus=options.prometheus or f"http://{settings.host}:{settings.prometheus_port}",
        links=Links(
            prefect=options.prefect or f"http://{settings.host}:{settings.prefect_port}",
            reports=options.reports or f"http://{settings.host}:{settings.reports_port}",
        ),
        scrape_seconds=settings.scrape_seconds,
        dashboards=options.dashboards or str((options.folder / "dashboards").resolve()),
    )


if __name__ == "__main__":
    main()
